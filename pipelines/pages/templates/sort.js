"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    while (head.firstChild) button.append(head.firstChild);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => {
        const cell = row.cells[column];
        const text = cell ? cell.textContent.trim() : "";
        const number = Number(text);
        return text !== "" && Number.isFinite(number) ? [0, number, ""] : [1, 0, text];
      };
      const body = table.tBodies[0];
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => a[0] - b[0] || a[1] - b[1] || a[2].localeCompare(b[2]));
      if (!up) rows.reverse();
      body.append(...rows.map(([, row]) => row));
    });
  });
}

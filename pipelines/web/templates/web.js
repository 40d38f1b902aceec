"use strict";
// A picture that fits the screen: the place of a click is worked out for the size that is shown. Without this script
// the picture stands at its own size, and the browser sends the place by itself.
for (const form of document.querySelectorAll("form.look")) {
  const picture = form.querySelector("input[type=image]");
  const where = form.querySelector(".where");
  const facts = Object.fromEntries(Object.entries(form.dataset).map(([name, value]) => [name, Number(value)]));
  const wide = Number(picture.getAttribute("width"));
  const high = Number(picture.getAttribute("height"));
  document.body.classList.add("scripted");
  const point = (event) => {
    const box = picture.getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left - picture.clientLeft) * wide) / picture.clientWidth);
    const y = Math.floor(((event.clientY - box.top - picture.clientTop) * high) / picture.clientHeight);
    return [Math.min(Math.max(x, 0), wide - 1), Math.min(Math.max(y, 0), high - 1)];
  };
  const pixel = ([x, y]) => {
    const down = Math.floor((facts.down ? y : high - 1 - y) / facts.grown);
    const column = facts.x0 + Math.floor(x / facts.grown) * facts.block + Math.floor(facts.block / 2);
    const row = facts.y0 + down * facts.block + Math.floor(facts.block / 2);
    return [Math.min(column, facts.x1 - 1), Math.min(row, facts.y1 - 1)];
  };
  const go = ([x, y], what) => {
    const words = new URLSearchParams(new FormData(form));
    words.delete("at.x");
    words.delete("at.y");
    words.set("at.x", x);
    words.set("at.y", y);
    if (what) words.set("do", what);
    location.assign(`${form.getAttribute("action").split("?")[0]}?${merged(form, words)}`);
  };
  const merged = (of, words) => {
    const own = new URLSearchParams(of.getAttribute("action").split("?")[1] || "");
    for (const [name, value] of words) own.set(name, value);
    return own;
  };
  picture.addEventListener("mousemove", (event) => {
    const [column, row] = pixel(point(event));
    where.textContent = `column ${column}, row ${row} of the array, from 0`;
  });
  picture.addEventListener("mouseleave", () => {
    where.textContent = "";
  });
  picture.addEventListener("click", (event) => {
    event.preventDefault();
    go(point(event));
  });
  // By the keyboard, from the frame around the picture: nearer and farther around its middle.
  form.querySelector(".plate").addEventListener("keydown", (event) => {
    const what = { "+": "closer", "-": "farther" }[event.key];
    if (what) {
      event.preventDefault();
      go([Math.floor(wide / 2), Math.floor(high / 2)], what);
    }
  });
}

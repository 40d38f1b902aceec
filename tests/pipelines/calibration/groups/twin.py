"""Groups of frames a second way: every frame looked at alone, in plain Python over a snapshot of documents.

Written from the definition, not from the code: frames go together when all their exact values are the
same, and when they are joined, key by key, by chains of small steps whose ends are not too far apart.
"""

from fractions import Fraction


def value_of(document, key):
    """Return the value of a key, and the key (itself or its fallback) by which it is compared."""
    for path in key.paths:
        first, _, field = path.partition(".")
        place = document["arrays"].get("sci") if first == "images" else document.get(first)
        found = place if not field else (place or {}).get(field)
        if found is not None:
            return found, key
    return (None, key) if key.fallback is None else value_of(document, key.fallback)


def groups_of(documents, rule):
    """Return the set of groups, each a frozenset of ids, of documents of one profile and kind."""
    heaps = {}
    for document in documents:
        exact = [document.get("date")]
        exact += [plain(value_of(document, key)[0]) for key in rule.keys if not key.tolerance]
        heaps.setdefault(repr(exact), []).append(document)
    parts = list(heaps.values())
    for key in (key for key in rule.keys if key.tolerance):
        parts = [piece for part in parts for piece in split(part, key)]
    return {frozenset(document["_id"] for document in part) for part in parts}


def plain(value):
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def split(documents, key):
    texts, numbers = {}, {}
    for document in documents:
        value, source = value_of(document, key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            numbers.setdefault(source.paths, (source, []))[1].append((exactly(value), document))
        else:
            texts.setdefault(repr(value), []).append(document)
    yield from texts.values()
    for source, members in numbers.values():
        yield from components(members, source)


def components(numbers, key):
    """Components of the graph in which frames no further apart than the tolerance are joined."""
    while numbers:
        component, rest = [numbers[0]], numbers[1:]
        while True:
            near = [
                n for n in rest if any(abs(n[0] - m[0]) <= allowed(n[0], m[0], key.tolerance, key) for m in component)
            ]
            if not near:
                break
            component += near
            rest = [n for n in rest if n not in near]
        numbers = rest
        yield from shrink(component, key)


def allowed(one, other, limit, key):
    if not key.relative:
        return exactly(limit)
    return max(exactly(limit) * max(abs(one), abs(other)), exactly(key.floor))


def shrink(component, key):
    values = sorted({value for value, _ in component})
    if values[-1] - values[0] <= allowed(values[-1], values[0], key.widest, key):
        yield [document for _, document in component]
        return
    gaps = [(values[i + 1] - values[i], i) for i in range(len(values) - 1)]
    largest = max(gap for gap, _ in gaps)
    edge = values[next(i for gap, i in gaps if gap == largest)]
    yield from shrink([one for one in component if one[0] <= edge], key)
    yield from shrink([one for one in component if one[0] > edge], key)


def exactly(value):
    """Decimal numbers of a header, as they are written and not as binary rounds them."""
    return Fraction(str(value))

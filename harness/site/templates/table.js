// The table: lines are built once for a choice of columns, then only put in order.

// A number that is not there, or one to take care with: what is to be known of it, on demand.
function whyButton(key, text, title, why) {
  const button = make("button", { type: "button", class: "why-button", "data-key": key, "aria-label": title }, text);
  button.addEventListener("click", () => tell(`${title}: ${why}.`, button));
  return button;
}

// Labels that one must know of to read a number.
const isRemarkable = (labels) => !["", "MOS", "no labels"].includes(labels);

function buildHead({ columns, at }) {
  const spans = make("tr", { class: "spans" }, make("td"));
  for (let k = 0; k < columns.length; ) {
    const { dataset } = columns[k];
    const wide = columns.slice(k).findIndex((c) => c.dataset !== dataset);
    const colspan = wide < 0 ? columns.length - k : wide;
    k += colspan;
    if (!dataset) {
      spans.append(make("td", { colspan }));
      continue;
    }
    const chips = dataset.marks[at].map(chip);
    if (isRemarkable(dataset.labels)) {
      const text = dataset.pseudo ? "pseudo-labels" : dataset.labels;
      chips.unshift(make("span", { class: `chip${dataset.pseudo ? " warn" : ""}` }, text));
    }
    const link = make("a", { href: dataset.page }, ...breakable(dataset.title));
    spans.append(make("th", { scope: "colgroup", colspan }, make("span", {}, link, ...chips)));
  }
  const titles = make("tr", {}, heading({ id: "name", title: "Model", kind: "name" }));
  titles.append(...columns.map(heading));
  return [spans, titles];
}

function heading({ id, title, kind, dataset }) {
  const button = make("button", { type: "button" }, title);
  if (dataset) button.append(make("span", { class: "unseen" }, ` on ${dataset.title}`));
  return make("th", { scope: "col", class: kind, "data-column": id }, button);
}

function buildLine(m, columns) {
  const { slug, label } = MODELS[m];
  const tick = make("input", { type: "checkbox", class: "tick", value: slug, "aria-label": `Compare ${label}` });
  const link = make("a", { href: `models/${slug}.html` }, ...breakable(label));
  const line = make("tr", {}, make("th", { scope: "row", class: "name" }, make("div", {}, tick, link)));
  for (const column of columns) {
    const td = make("td", { class: column.kind });
    column.fill(td, m);
    line.append(td);
  }
  return line;
}

// By which column, and whether its values fall.
function sorting(view, { columns }) {
  const asked = view.sort.replace(/^-/, "");
  if (asked === "name") return { id: "name", falls: view.sort !== asked };
  const column = columns.find((c) => c.id === asked);
  if (column) return { column, id: asked, falls: view.sort !== asked };
  const first = columns.find((c) => c.id === "mean") ?? columns.find((c) => c.dataset);
  return { column: first, id: first.id, falls: first.falls };
}

// Whether a model may be ranked on none of the datasets shown: a control, or circular on all.
const isApart = ({ grids }, m) => grids.every((cells) => cells[m].value == null || cells[m].apart);

// Models in order: those that are ranked, those set apart, and those without any number here.
function order(view, layout) {
  const words = view.q.toLowerCase().split(/\s+/);
  const wanted = MODELS.map((_, m) => m).filter((m) => {
    const { label, mode } = MODELS[m];
    return (!view.mode || view.mode === mode) && words.every((w) => label.toLowerCase().includes(w));
  });
  const valued = (m) => layout.grids.some((cells) => cells[m].value != null);
  const apart = (m) => isApart(layout, m);
  const { column, falls } = sorting(view, layout);
  const keys = MODELS.map((model, m) => (column ? column.sort(m) : model.label));
  const sign = falls ? -1 : 1;
  const compare = (a, b) => {
    const [x, y] = [keys[a], keys[b]];
    if (x === null && y === null) return column.behind?.(a, b) || a - b;
    if (x === null || y === null) return (x === null) - (y === null);
    const last = (m) => column?.unranked?.(m) ?? false;
    if (last(a) !== last(b)) return last(a) - last(b);
    return sign * (typeof x === "number" ? x - y : x.localeCompare(y, "en", { numeric: true })) || a - b;
  };
  const shown = wanted.filter(valued).sort(compare);
  return {
    ranked: shown.filter((m) => !apart(m)),
    apart: view.show.has("apart") ? shown.filter(apart) : [],
    absent: wanted.filter((m) => !valued(m)),
  };
}

function showTable(table, view, layout, lines, { ranked, apart }) {
  const line = (m) => {
    if (!lines.has(m)) lines.set(m, buildLine(m, layout.columns));
    return lines.get(m);
  };
  const { id, falls } = sorting(view, layout);
  for (const th of table.tHead.querySelectorAll("[data-column]")) {
    if (th.dataset.column === id) th.setAttribute("aria-sort", falls ? "descending" : "ascending");
    else th.removeAttribute("aria-sort");
  }
  // What is long scrolls inside itself, its headings in view; what is short is read as it stands.
  table.parentElement.classList.toggle("long", ranked.length + apart.length > 40);
  const [first, last] = table.tBodies;
  first.replaceChildren(...ranked.map(line));
  const note = make("td", { colspan: layout.columns.length + 1 }, make("span", {}, "Circular models and controls: not ranked"));
  last.replaceChildren(...(apart.length ? [make("tr", { class: "note" }, note), ...apart.map(line)] : []));
  for (const tick of table.querySelectorAll(".tick")) tick.checked = view.compare.includes(tick.value);
}

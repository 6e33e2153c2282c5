// Controls change the address; the address is what is shown.

const DATA = JSON.parse(byId("data").textContent);
const ALPHA = byId("data").dataset.alpha;
const MODELS = DATA.models.map(([slug, label, name, mode, cost]) => ({ slug, label, name, mode, cost }));
const NUMBER = new Map(MODELS.map(({ slug }, m) => [slug, m]));
const STUDIES = DATA.studies;
const form = byId("controls").elements;
const boxes = [...form.show];
const isDefault = (name) => boxes.find((box) => box.value === name).hasAttribute("data-default");

const table = byId("board").querySelector("table");
let view = null;
let built = ""; // which columns the lines below are made of
let layout = null;
let lines = new Map();

function change(part, { replace = false } = {}) {
  const hash = writeView({ ...view, ...part });
  if (replace) history.replaceState(null, "", hash);
  else if (hash !== location.hash) history.pushState(null, "", hash);
  show();
}

function tell(text, from) {
  const bar = byId("why");
  bar.querySelector("p").textContent = text;
  bar.hidden = false;
  bar.from = from;
}

function hush() {
  byId("why").hidden = true;
  if (byId("why").from?.isConnected) byId("why").from.focus();
}

function show() {
  view = readView(location.hash);
  const columns = [view.study.id, view.metric, ...view.datasets.map((d) => d.id), "|", ...view.show].join(" ");
  if (columns !== built) {
    byId("why").hidden = true;
    layout = columnsOf(view);
    lines = new Map();
    table.tHead.replaceChildren(...buildHead(layout));
    built = columns;
  }
  const found = order(view, layout);
  const asked = view.sort.replace(/^-/, "");
  if (asked && sorting(view, layout).id !== asked) view.lost.push(`column ${asked}`);
  setControls();
  byId("board-title").textContent = `${layout.title}: ${view.study.title}`;
  showTable(table, view, layout, lines, found);
  if (!byId("why").from?.isConnected) byId("why").hidden = true; // its line is filtered away
  showBelow(byId("board").querySelector(".below"), view, layout, found.absent);
  showComparison(byId("comparison"), view, layout);
  const lost = view.lost.length ? ` The link names what is not here: ${view.lost.join(", ")}.` : "";
  const [a, b] = view.compare.map((slug) => MODELS[NUMBER.get(slug)].label);
  const both = b === undefined ? "" : ` A comparison of ${a} and ${b} is shown above the table: Enter on a tick leads to it.`;
  byId("told").textContent = `${count(found.ranked.length + found.apart.length, "model")} shown.${both}${lost}`;
}

function setControls() {
  const { study } = view;
  form.protocol.value = study.id;
  form.metric.replaceChildren(...study.metrics.map(([id, title]) => make("option", { value: id }, title)));
  form.metric.value = view.metric;
  form.mode.value = view.mode;
  if (document.activeElement !== form.q) form.q.value = view.q;
  for (const each of boxes) each.checked = view.show.has(each.value);
  boxes.find((box) => box.value === "ranks").disabled = !view.datasets.some((d) => hasRanks(view, d));
  const [datasets, columns] = [byId("datasets"), byId("columns")];
  if (datasets.dataset.of !== study.id) {
    datasets.dataset.of = study.id;
    const made = study.datasets.map((d) =>
      make("label", { class: "box" }, make("input", { type: "checkbox", name: "dataset", value: d.id }), ` ${d.title}`,
        d.pseudo && make("span", { class: "chip warn" }, "pseudo-labels")),
    );
    datasets.querySelector("fieldset").replaceChildren(datasets.querySelector("legend"), ...made);
  }
  for (const each of datasets.querySelectorAll("input")) each.checked = view.datasets.some((d) => d.id === each.value);
  const total = study.datasets.length;
  const some = view.datasets.length < total ? `${view.datasets.length} of ${total}` : `all ${total}`;
  datasets.querySelector("summary").textContent = `Datasets: ${total > 1 ? some : study.datasets[0].title}`;
  columns.querySelector("summary").textContent = `Columns: ${boxes.filter((b) => b.checked).length} of ${boxes.length}`;
}

byId("controls").addEventListener("change", ({ target }) => {
  if (target.name === "protocol") change({ study: STUDIES.find((s) => s.id === target.value), ...fresh(target.value) });
  else if (target.name === "dataset") {
    const on = [...byId("datasets").querySelectorAll("input:checked")].map((each) => each.value);
    if (!on.length) {
      target.checked = true; // a table of none would be one of all
      byId("told").textContent = "One dataset must stay ticked.";
      return;
    }
    change({ chosen: view.study.datasets.filter((d) => on.includes(d.id)) });
  } else if (target.name === "show") change({ show: new Set(boxes.filter((b) => b.checked).map((b) => b.value)) });
  else if (target.name !== "q") change({ [target.name]: target.value });
});

// Another protocol has datasets and measures of its own.
function fresh(id) {
  const study = STUDIES.find((each) => each.id === id);
  return { metric: study.metrics[study.first][0], chosen: [], sort: "" };
}

// Letters are no views of their own: Back goes to what was there before the first of them.
form.q.addEventListener("input", () => change({ q: form.q.value }, { replace: view.q !== "" && form.q.value !== "" }));

byId("controls").addEventListener("submit", (event) => event.preventDefault());
byId("controls").addEventListener("reset", (event) => {
  event.preventDefault();
  form.q.value = "";
  history.pushState(null, "", "#");
  show();
});

byId("copy").addEventListener("click", async () => {
  change({}, { replace: true });
  const field = byId("controls").querySelector(".link");
  try {
    await navigator.clipboard.writeText(location.href);
    field.hidden = true;
    byId("told").textContent = "The link is copied.";
  } catch { // no clipboard here: the reader copies it by hand
    field.hidden = false;
    field.value = location.href;
    field.select();
    byId("told").textContent = "Copy the link from here.";
  }
});

table.addEventListener("click", ({ target }) => {
  const id = target.closest("[data-column] button")?.parentElement.dataset.column;
  if (!id) return;
  const now = sorting(view, layout);
  const first = id === "name" ? false : layout.columns.find((c) => c.id === id).falls;
  const falls = now.id === id ? !now.falls : first;
  change({ sort: `${falls ? "-" : ""}${id}` });
});

// Two models at most: a third takes the place of the one that was ticked first.
table.addEventListener("change", ({ target }) => {
  const rest = view.compare.filter((slug) => slug !== target.value);
  change({ compare: target.checked ? [...rest.slice(-1), target.value] : rest });
  lines.get(NUMBER.get(target.value))?.querySelector(".tick").focus();
});

table.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches(".tick") || view.compare.length < 2) return;
  event.preventDefault();
  goToComparison();
});
lead.querySelector("button").addEventListener("click", goToComparison);

byId("why").querySelector("button").addEventListener("click", hush);
addEventListener("keydown", ({ key }) => key === "Escape" && !byId("why").hidden && hush());
addEventListener("popstate", show);

const title = make("div", {}, make("strong", { id: "board-title" }), make("span", { class: "detail" }, "Press a heading to sort by it; tick two models to compare them."));
table.append(make("caption", {}, title), make("thead"), make("tbody"), make("tbody", { class: "apart" }));
for (const each of ["controls", "board"]) byId(each).hidden = false;
show();
// The pairs stand behind this script, so that the table need not wait for them.
addEventListener("DOMContentLoaded", () => showComparison(byId("comparison"), view, layout));

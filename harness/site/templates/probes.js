// Probes: which are shown, the one that is open, and both in the address of the page.
const { probes, models } = JSON.parse(document.getElementById("data").textContent);
const [form, grid, dialog, stage, split] = ["filters", "probes", "open", "stage", "split"].map(byId);
const items = [...grid.children];
const selects = [...form.querySelectorAll("select")];
const numbers = new Map(probes.map((probe, at) => [probe.id, at]));
let shown = []; // places of the probes that fit, in their order
let open = -1;

const view = () => new URLSearchParams(location.hash.slice(1));

// The address has only what differs from the first view.
const go = (changes, keep) => {
  const parts = view();
  for (const [name, value] of Object.entries(changes)) {
    if (value) parts.set(name, value);
    else parts.delete(name);
  }
  const target = `#${parts}`;
  if (keep) history.pushState(null, "", target);
  else history.replaceState(null, "", target);
  apply();
};

const fits = (item, name, wanted) => {
  if (!wanted) return true;
  if (name === "type") return JSON.parse(item.dataset.type).includes(wanted);
  return item.dataset[name] === wanted;
};

const apply = () => {
  const parts = view();
  for (const select of selects) {
    select.value = parts.get(select.name) ?? "";
    if (select.selectedIndex < 0) select.value = ""; // an address from elsewhere
  }
  const outlined = parts.get("outline") !== "off";
  form.outline.checked = byId("outlined").checked = outlined;
  for (const place of [grid, stage]) place.classList.toggle("outlined", outlined);
  shown = [];
  items.forEach((item, at) => {
    item.hidden = !selects.every((select) => fits(item, select.name, select.value));
    if (!item.hidden) shown.push(at);
  });
  byId("shown").textContent = `${shown.length} of ${probes.length} shown`;
  const wanted = numbers.get(parts.get("probe")) ?? -1;
  if (wanted >= 0) {
    if (wanted !== open) fill(wanted);
    if (!dialog.open) dialog.showModal();
  } else if (dialog.open) dialog.close();
};

const fill = (at) => {
  const probe = probes[at];
  const [pristine, damaged] = items[at].querySelectorAll("img");
  open = at;
  byId("open-title").textContent = probe.title;
  byId("open-caption").textContent = probe.caption;
  for (const [id, from] of [["pristine", pristine], ["damaged", damaged]]) {
    byId(id).src = from.getAttribute("src");
    byId(id).alt = id === "pristine" ? "" : from.alt;
  }
  const drawn = items[at].querySelector("svg");
  byId("outline").setAttribute("viewBox", drawn.getAttribute("viewBox"));
  byId("outline").replaceChildren(...[...drawn.children].map((path) => path.cloneNode()));
  stage.style.aspectRatio = `${pristine.getAttribute("width")} / ${pristine.getAttribute("height")}`;
  byId("facts").replaceChildren(
    ...probe.facts.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))),
  );
  if (models.length) tell(at);
  place();
  dialog.scrollTop = 0;
};

const place = () => {
  const at = shown.indexOf(open);
  byId("place").textContent = at < 0 ? "not among those shown" : `${at + 1} of ${shown.length} shown`;
  byId("previous").disabled = at <= 0;
  byId("next").disabled = at < 0 || at === shown.length - 1;
};

const step = (places) => {
  const target = shown[shown.indexOf(open) + places];
  if (shown.includes(open) && target !== undefined) go({ probe: probes[target].id }, false);
};

// What three decimals would round away is told in full.
const exact = (value) =>
  value && Math.abs(value) < 0.001 ? value.toPrecision(2).replaceAll("-", "−") : number(value);

const verdict = (response, limit) => {
  if (response === null || limit === null) return NONE;
  if (Math.abs(response) <= limit) return "no";
  return response > 0 ? "yes, as worse" : "yes, as better";
};

const tell = (at) => {
  const content = probes[at].content;
  const lines = models.map((model) => ({
    model,
    response: model.responses[at],
    limit: model.limits[content] ?? null,
  }));
  lines.sort((a, b) => (b.response ?? -Infinity) - (a.response ?? -Infinity));
  const end = Math.max(...lines.map((line) => Math.max(Math.abs(line.response ?? 0), line.limit ?? 0)));
  const judged = lines.filter((line) => line.response !== null && line.limit !== null);
  const noticed = judged.filter((line) => Math.abs(line.response) > line.limit);
  byId("summary").textContent = judged.length
    ? `${noticed.length} of ${count(judged.length, "model")} noticed it.`
    : "No record here counts detections; responses alone tell how far scores move.";
  byId("models").replaceChildren(...lines.map((line) => row(line, end)));
};

const row = ({ model, response, limit }, end) => {
  const marks = model.marks.flatMap((mark) => [
    " ",
    make("span", { class: mark.includes("pseudo") ? "chip warn" : "chip" }, mark),
  ]);
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, make("a", { href: model.page }, ...breakable(model.label)), ...marks),
    make("td", {}, verdict(response, limit)),
    make("td", { class: "number" }, exact(response)),
    make("td", { class: "number" }, exact(limit)),
    make("td", { class: "bar-cell" }, bar(response, limit, end)),
  );
};

// Zero is in the middle; the numbers beside it say the same to those who do not see it.
const bar = (response, limit, end) => {
  const share = (value) => (end ? (50 * value) / end : 0);
  const part = (name, left, width) => {
    const drawn = make("span", { class: name });
    drawn.style.left = left;
    if (width) drawn.style.width = width;
    return drawn;
  };
  const filled =
    response !== null &&
    part("filled", `${50 + Math.min(0, share(response))}%`, `${Math.abs(share(response))}%`);
  const ends = limit === null ? [] : [-limit, limit];
  return make(
    "div",
    { class: "response", "aria-hidden": "true" },
    filled,
    part("zero", "50%"),
    ...ends.map((at) => part("limit", `calc(${50 + share(at)}% - 1px)`)),
  );
};

const show = (share) => {
  split.value = share;
  split.setAttribute("aria-valuetext", `${share} % damaged, ${100 - share} % pristine`);
  stage.style.setProperty("--at", `${share}%`);
};

for (const select of selects) {
  select.addEventListener("change", () => go({ [select.name]: select.value }, false));
}
for (const box of [form.outline, byId("outlined")]) {
  box.addEventListener("change", () => go({ outline: box.checked ? "" : "off" }, false));
}
form.addEventListener("reset", (event) => {
  event.preventDefault();
  go(Object.fromEntries(selects.map((select) => [select.name, ""])), false);
});
grid.addEventListener("click", (event) => {
  const item = event.target.closest("li");
  if (!item || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go({ probe: probes[items.indexOf(item)].id }, true);
});
split.addEventListener("input", () => show(Number(split.value)));
byId("swap").addEventListener("click", () => show(split.value === "0" ? 100 : 0));
byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
byId("leave").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
dialog.addEventListener("close", () => {
  const last = items[open];
  open = -1;
  if (view().has("probe")) go({ probe: "" }, false);
  last?.querySelector("a").focus();
});
dialog.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typed = event.target === split && event.key.startsWith("Arrow");
  const does = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    s: () => byId("swap").click(),
    o: () => byId("outlined").click(),
  }[event.key];
  if (!does || typed) return;
  event.preventDefault();
  does();
});
addEventListener("popstate", apply);
addEventListener("hashchange", apply);
form.hidden = false;
show(100);
apply();

// Two models side by side: is one better than the other, and how sure is that?

let tested = null; // read when it is first asked for

function pairOf(study, dataset, metric, a, b) {
  tested ??= JSON.parse(byId("pairs").textContent);
  const own = tested[study.id]?.[dataset.id]?.[metric] ?? [];
  const found = own.find(([i, j]) => (i === a && j === b) || (i === b && j === a));
  if (!found) return null;
  const [i, , difference, low, high, p, why] = found;
  return i === a
    ? { difference, low, high, p, why }
    : { difference: -difference, low: high == null ? null : -high, high: low == null ? null : -low, p, why };
}

const pText = (p) => (p == null ? NONE : p < 0.0005 ? "< 0.001" : p.toFixed(3));

// The sentence that answers the question, and the test behind it.
function verdict(a, b, dataset, pair) {
  const [one, other] = [a, b].map((m) => MODELS[m].label);
  const known = pair.low != null && pair.high != null;
  const better = pair.p != null && pair.p <= ALPHA && pair.difference !== 0;
  let said = `${one} and ${other} cannot be told apart on ${dataset.title}`;
  if (pair.p == null) {
    const zero = known ? `; the interval ${pair.low > 0 || pair.high < 0 ? "excludes" : "holds"} 0` : "";
    said = `${dataset.title}, not tested: ${pair.why ?? "no reason given"}${zero}`;
  } else if (better) {
    const [first, second] = pair.difference > 0 ? [one, other] : [other, one];
    said = `${first} is better than ${second} on ${dataset.title}`;
  }
  const told = [
    `${one} − ${other} = ${number(pair.difference)}`,
    ...(known ? [`interval ${interval(pair.low, pair.high)}`] : []),
    ...(pair.p == null ? [] : [`p ${pText(pair.p)}`]),
  ];
  return make("li", { class: better ? "better" : "" }, make("strong", {}, said), `: ${told.join(", ")}.`);
}

const quoted = (name) => (/^[\w.:/+@-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`);

function showComparison(place, view, { grids, title }) {
  const [a, b] = view.compare.map((slug) => NUMBER.get(slug));
  sight.disconnect();
  lead.hidden = true;
  place.hidden = a === undefined || !byId("pairs");
  if (place.hidden) return place.replaceChildren();
  const close = make("button", { type: "button", id: "close" }, "Close");
  close.addEventListener("click", () => {
    const last = view.compare.at(-1);
    change({ compare: [] });
    const tick = lines.get(NUMBER.get(last))?.querySelector(".tick");
    (tick?.isConnected ? tick : byId("board").querySelector(".scroll")).focus(); // its line may be filtered away
  });
  const names = [a, b].filter((m) => m !== undefined).map((m) => MODELS[m].label);
  const top = make("div", { class: "line" }, make("h2", { id: "comparison-heading" }, names.join(" and ")), close);
  if (b === undefined) return place.replaceChildren(top, make("p", { class: "note" }, "Tick another model to compare the two."));

  const pairs = view.datasets.map((d) => pairOf(view.study, d, view.metric, a, b));
  const sentences = view.datasets.flatMap((d, k) => (pairs[k] ? [verdict(a, b, d, pairs[k])] : []));
  const parts = [top];
  if (sentences.length) parts.push(make("ul", { class: "verdicts" }, ...sentences));
  parts.push(sideBySide(view, grids, pairs, [a, b], title));
  if (sentences.length) {
    const methods = new Set(view.datasets.flatMap((d, k) => (pairs[k] ? (d.paired[view.metric] ?? []) : [])));
    const notes = [`Differences are paired: on the samples that all models share${methods.size ? `; ${[...methods].join("; ")}` : ""}.`];
    if (pairs.some((pair) => pair?.p != null)) {
      notes.push(`p: bootstrap over contents, corrected by Holm's method over all pairs of the dataset; better means p ≤ ${ALPHA}.`);
    }
    const titles = [view.study, ...view.datasets].map((each) => each.title).join(" ");
    if (/predictions pooled|leave-one-content-out|median of /.test(titles)) {
      notes.push("Predictions are pooled over fits: a difference of what fits differ in, their offset and scale, is in it.");
    }
    parts.push(make("p", { class: "note" }, notes.join(" ")));
  }
  if (pairs.some((pair) => !pair)) {
    const command = `iqa-eval results compare ${quoted(MODELS[a].label)} ${quoted(MODELS[b].label)}`;
    const where = sentences.length ? "Not every dataset has" : "There is not";
    parts.push(make("p", { class: "note" }, `${where} a paired test of these two on record, and two numbers alone do not tell which model is better. This compares them (with --records FOLDER where the records are not in results/records):`, make("span", { class: "command" }, command)));
  }
  place.replaceChildren(...parts);
  lead.querySelector("button").textContent = `Compare ${names.join(" and ")}`;
  sight.observe(top);
}

// The panel opens above the table, mostly out of view: a bar at the bottom leads there.
const lead = byId("lead");
const sight = new IntersectionObserver((seen) => (lead.hidden = seen.at(-1).isIntersecting));

function goToComparison() {
  byId("comparison").focus({ preventScroll: true });
  byId("comparison").scrollIntoView();
}

function sideBySide(view, grids, pairs, models, title) {
  const heads = ["Dataset", ...models.map((m) => MODELS[m].label), "Difference", "p (Holm)"];
  const head = make("tr", {}, ...heads.map((text, k) => make("th", { scope: "col", class: k ? "number" : "name" }, ...breakable(text))));
  const lines = view.datasets.map((dataset, k) => {
    const pair = pairs[k];
    const cell = (text, ...details) =>
      make("td", { class: "number" }, text, ...details.filter(Boolean).map((each) => make("span", { class: "detail" }, each)));
    const chip = dataset.pseudo && make("span", { class: "chip warn" }, "pseudo-labels");
    return make("tr", {},
      make("th", { scope: "row", class: "name" }, dataset.title, " ", chip),
      ...models.map((m) => {
        const { value, low, high, why, cautions = [] } = grids[k][m];
        return cell(number(value), interval(low, high), ...cautions, why);
      }),
      pair ? cell(number(pair.difference), interval(pair.low, pair.high)) : cell(NONE, "not tested"),
      cell(pair ? pText(pair.p) : NONE, pair?.p == null && pair?.why && `not tested: ${pair.why}`),
    );
  });
  const caption = make("caption", {}, make("div", {}, make("strong", { id: "pair-title" }, `${title}: ${view.study.title}`)));
  const table = make("table", {}, caption, make("thead", {}, head), make("tbody", {}, ...lines));
  return make("div", { class: "card" }, make("div", { class: "scroll", role: "region", tabindex: "0", "aria-labelledby": "pair-title" }, table));
}

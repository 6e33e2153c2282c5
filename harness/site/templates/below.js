// What stands under the table: models without numbers, and what to know to read it.

// By a word of a caution, what it says.
const CAUTIONS = [
  ["seen", "the model met scenes, pictures or labels of the dataset in training (seen)"],
  ["circular", "it, or close kin of it, helped to make the labels (circular)"],
  ["head: pseudo-labels", "the number rests on labels that were computed, not given by people, as those its head was fitted on (head: pseudo-labels)"],
  ["/", "not every sample could be used (n/N)"],
  ["not converged", "the curve of the logistic was not fitted to the end (not converged)"],
];

function showBelow(place, view, layout, absent) {
  const shown = view.datasets;
  const notes = [];
  const labels = shown.filter((d) => isRemarkable(d.labels));
  for (const text of new Set(labels.map((d) => d.labels))) {
    notes.push(`${labels.filter((d) => d.labels === text).map((d) => d.title).join(", ")}: ${text}.`);
  }
  if (layout.columns.some((c) => c.id === "mean")) {
    const pseudo = shown.filter((d) => d.pseudo).length;
    const made = pseudo ? ` (${pseudo} with pseudo-labels)` : "";
    notes.push(
      `Mean: over the ${shown.length} datasets shown${made}, of models with a number on each; others stand ` +
        "below them.",
    );
    if (MODELS.some((_, m) => holdsCircular(layout.grids, m) && !isApart(layout, m))) {
      notes.push("A model that is circular on some datasets is ranked on the others; a mean that holds a circular number is not ranked, and stands below those that are.");
    }
  }
  const methods = new Set(shown.flatMap((d) => d.methods[view.at]));
  if (view.show.has("interval") && methods.size) notes.push(`Intervals: ${[...methods].join("; ")}.`);
  const cells = layout.grids.flat();
  for (const d of shown) if (d.unscored) notes.push(`${d.title}: of its samples, ${d.unscored}.`);
  const cautions = new Set(cells.flatMap((c) => c.cautions ?? []));
  const told = CAUTIONS.filter(([word]) => [...cautions].some((caution) => caution.includes(word)));
  if (told.length) notes.push(`*: ${told.map(([, text]) => text).join("; ")}. Press a star to read which.`);
  if (view.show.has("rank")) notes.push("Rank: among all models that are ranked on the dataset, whatever is filtered.");
  const tested = view.show.has("ranks") ? shown.filter((d) => hasRanks(view, d)) : [];
  for (const d of tested) if (d.told) notes.push(`Rank interval and top group on ${d.title}: ${d.told}.`);
  if (view.show.has("ranks") && !tested.length) {
    notes.push("Rank interval and top group: of SRCC alone, where models were tested against each other.");
  }
  if (tested.some((d) => Object.keys(d.standing).length)) {
    notes.push(
      `Rank interval: the ranks that paired tests leave open (bootstrap over contents, Holm, ${ALPHA}). ` +
        "Top group: not significantly worse than the model with the highest SRCC.",
    );
  }
  if (view.show.has("cost") && DATA.cost) notes.push(`Cost: ${DATA.cost}; MACs with the products of attention.`);
  const items = notes.map((text) => make("li", {}, text));
  if (layout.columns.some((c) => c.id.endsWith(".published"))) items.push(sources(view));
  const parts = [];
  if (absent.length) {
    const folded = make("details", {}, make("summary", {}, `${count(absent.length, "model")} without a number here`));
    folded.append(make("ul", { class: "absent" }, ...reasons(view, layout, absent)));
    parts.push(folded);
  }
  if (items.length) parts.push(make("ul", {}, ...items));
  place.replaceChildren(...parts);
  place.hidden = !parts.length;
}

// Where the published values stand.
function sources(view) {
  const names = new Set(view.datasets.flatMap((d) => d.sources.map(([source]) => source)));
  const link = make("a", { href: "papers.html" }, "all published tables");
  return make("li", {}, `Published: ${[...names].join("; ")} (`, link, ").");
}

// Models with the same reasons together, with what to type to get them.
function reasons(view, layout, absent) {
  const found = new Map();
  for (const m of absent) {
    const own = layout.grids.map((cells, k) => [view.datasets[k].title, cells[m].why]);
    const same = new Set(own.map(([, why]) => why)).size === 1;
    const why = same ? own[0][1] : own.map((pair) => pair.join(": ")).join("; ");
    const command = layout.grids.map((cells) => cells[m].command).find(Boolean) ?? "";
    const key = JSON.stringify([why, command]);
    found.set(key, [...(found.get(key) ?? []), MODELS[m].label]);
  }
  return [...found].map(([key, labels]) => {
    const [why, command] = JSON.parse(key);
    return make("li", {}, make("strong", {}, labels.join(", ")), `: ${why}`, command && make("span", { class: "command" }, command));
  });
}

// What a column is: ``sort`` gives the value that it is sorted by, ``fill`` puts it in a cell;
// ``unranked``, where there is one, tells which values are never ranked, and stand behind the others.

const SEEN = ["none", "unknown", "content", "images", "labels"];

// One number of a model on a dataset, with its facts; ``why`` if there is none.
function cellOf(dataset, model, metric, title) {
  const own = dataset.cells[model];
  if (!own) {
    const absent = dataset.absent[model];
    return { why: absent ? absent[0] : "no record of it", command: absent?.[1] ?? "" };
  }
  const found = own[metric];
  if (found === null) return { why: `its record has no ${title}`, command: "" };
  if (typeof found === "string") return { why: found, command: "" };
  const [fact, value, low, high] = found;
  const [scored, expected, contamination, marks, cautions, apart] = dataset.facts[fact];
  return { value, low, high, scored, expected, contamination, marks, cautions, apart };
}

// Ranks by value of those that are ranked at all; equal values share a rank.
function ranksOf(cells, better) {
  const values = cells.filter((c) => c.value != null && !c.apart).map((c) => c.value);
  values.sort((a, b) => better * (b - a));
  return (cell) => (cell.value == null || cell.apart ? null : values.indexOf(cell.value) + 1);
}

// Whether models were compared by what is shown; where nothing was tested, there are dashes.
const hasRanks = (view, dataset) => view.metric === view.study.ranked && (dataset.told !== "" || Object.keys(dataset.standing).length > 0);

const isWarning = (mark) => ["circular", "head", "pseudo", "seen"].some((word) => mark.startsWith(word));
const chip = (mark) => make("span", { class: `chip${isWarning(mark) ? " warn" : ""}` }, mark);

function columnsOf(view) {
  const { study, show } = view;
  const { at } = view;
  const [, title, better, averaged] = study.metrics[at];
  const columns = [];
  if (show.has("mode")) columns.push(words("mode", "Kind", (m) => MODELS[m].mode));
  const grids = view.datasets.map((dataset) => MODELS.map((_, m) => cellOf(dataset, m, at, title)));
  if (averaged && grids.length > 1) columns.push(mean(grids, title, better));
  view.datasets.forEach((dataset, k) => {
    const cells = grids[k];
    const add = (column) => columns.push({ ...column, dataset });
    add(measured(dataset, cells, title, better, show));
    if (show.has("rank") && better) {
      const rank = ranksOf(cells, better);
      add(numbers(`${dataset.id}.rank`, "Rank", (m) => rank(cells[m]), String, false));
    }
    const standing = view.metric === study.ranked ? dataset.standing : {};
    if (show.has("ranks") && hasRanks(view, dataset)) {
      const low = (m) => standing[m]?.[0] ?? null;
      const span = (m) => (standing[m][0] === standing[m][1] ? standing[m][0] : `${standing[m][0]}–${standing[m][1]}`);
      add(numbers(`${dataset.id}.ranks`, "Rank interval", low, (_, m) => `${span(m)}`, false));
      add(words(`${dataset.id}.top`, "Top group", (m) => (standing[m] ? (standing[m][2] ? "yes" : "no") : "")));
    }
    const printed = new Map();
    for (const [m, metric, value] of dataset.published) {
      if (metric === at) printed.set(m, [...new Set([...(printed.get(m) ?? []), value])]);
    }
    if (show.has("published") && printed.size) {
      const all = (_, m) => printed.get(m).map(number).join(" / ");
      add(numbers(`${dataset.id}.published`, "Published", (m) => printed.get(m)?.[0] ?? null, all));
    }
    if (show.has("difference") && printed.size) {
      const less = (m) => (printed.has(m) && cells[m].value != null ? cells[m].value - printed.get(m)[0] : null);
      add(numbers(`${dataset.id}.difference`, "Less published", less, (v) => (v > 0 ? "+" : "") + number(v)));
    }
    if (show.has("n")) {
      const of = (_, m) => `${cells[m].scored}/${cells[m].expected}`;
      add(numbers(`${dataset.id}.n`, "N", (m) => cells[m].scored ?? null, of));
    }
    if (show.has("contamination")) {
      add({
        ...words(`${dataset.id}.contamination`, "Contamination", (m) => cells[m].contamination ?? ""),
        sort: (m) => (cells[m].value == null ? null : SEEN.indexOf(cells[m].contamination)),
      });
    }
    if (show.has("marks")) add(marks(`${dataset.id}.marks`, cells));
  });
  if (show.has("cost")) {
    const titles = ["Parameters", "MACs", "Images a second"];
    ["parameters", "macs", "speed"].forEach((id, k) => {
      columns.push(numbers(`cost.${id}`, titles[k], (m) => MODELS[m].cost?.[k] ?? null, large, k === 2));
    });
  }
  return { columns, grids, title, better, at };
}

const numbers = (id, title, sort, text, falls = true) => ({
  id, title, sort, falls, kind: "number",
  fill: (td, m) => td.append(sort(m) == null ? NONE : text(sort(m), m)),
});

const words = (id, title, text) => ({
  id, title, falls: false, kind: "text",
  sort: (m) => text(m) || null,
  fill: (td, m) => td.append(text(m) || NONE),
});

function measured(dataset, cells, title, better, show) {
  return {
    id: dataset.id, title, falls: better >= 0, kind: "number value",
    sort: (m) => cells[m].value ?? null,
    unranked: (m) => Boolean(cells[m].apart),
    fill: (td, m) => {
      const cell = cells[m];
      const about = `${MODELS[m].label} on ${dataset.title}`;
      if (cell.value == null) {
        const more = cell.command ? `; to get it: ${cell.command}` : "";
        return td.append(whyButton(`${dataset.id} ${m}`, NONE, `${about}: not measured`, `${cell.why}${more}`));
      }
      if (cell.cautions.length) {
        td.append(whyButton(`${dataset.id} ${m}`, "*", `${about}: take care`, cell.cautions.join(", ")));
      }
      td.append(number(cell.value));
      const ends = show.has("interval") && interval(cell.low, cell.high);
      if (ends) td.append(make("span", { class: "detail" }, ends));
      // What was met in training may flatter a number that is ranked: it is never hidden.
      const seen = cell.marks.find((mark) => mark.startsWith("seen"));
      if (seen && !show.has("marks")) td.append(chip(seen));
    },
  };
}

// Of models with a number on each dataset; others stand behind them, by how many they have. What
// is true of a number because of the labels is true of a mean that holds it.
const FLATTERING = ["circular", "head", "seen"];
const holdsCircular = (grids, m) => grids.some((cells) => cells[m].apart);

function mean(grids, title, better) {
  const own = (m) => grids.map((cells) => cells[m].value).filter((value) => value != null);
  const of = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const whole = (m) => (own(m).length === grids.length ? of(own(m)) : null);
  return {
    ...numbers("mean", `Mean ${title}`, whole, number, better > 0),
    unranked: (m) => whole(m) != null && holdsCircular(grids, m),
    fill: (td, m) => {
      if (whole(m) == null) return td.append(NONE);
      const words = new Set(grids.flatMap((cells) => cells[m].cautions));
      const told = [...words].filter((each) => FLATTERING.some((word) => each.startsWith(word)));
      if (told.length) td.append(whyButton(`mean ${m}`, "*", `${MODELS[m].label}, mean: take care`, `it holds a number that is ${told.join(", ")}`));
      td.append(number(whole(m)));
    },
    behind: (a, b) => own(b).length - own(a).length || better * (of(own(b)) - of(own(a))),
  };
}

const marks = (id, cells) => ({
  id, title: "Marks", falls: false, kind: "marks",
  sort: (m) => cells[m].marks?.join() || null,
  fill: (td, m) => {
    const own = cells[m].marks ?? [];
    td.append(...own.map(chip));
    if (!own.length) td.append(NONE);
  },
});

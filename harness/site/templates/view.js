// The view stands in the address, so that a link shows what its sender saw and Back goes back.
// #protocol=correlation&metric=srcc&datasets=live,csiq&mode=NR&q=name&sort=-live&show=rank&hide=apart&compare=A,B

const list = (text) => (text ? text.split(",") : []);

// What ``hash`` asks for; datasets with the measure where none are chosen. ``lost`` names what is
// not on this page.
function readView(hash) {
  const asked = new URLSearchParams(hash.replace(/^#/, ""));
  const lost = [];
  const known = (key, found, value) => {
    if (value && !found) lost.push(`${key} ${value}`);
    return found;
  };
  const study =
    known("protocol", STUDIES.find((s) => s.id === asked.get("protocol")), asked.get("protocol")) ??
    STUDIES[0];
  const first = study.metrics[study.first][0];
  const metric =
    known("metric", study.metrics.find(([id]) => id === asked.get("metric")), asked.get("metric"))?.[0] ??
    first;
  const ids = list(asked.get("datasets"));
  for (const id of ids) known("dataset", study.datasets.some((d) => d.id === id), id);
  const slugs = [...new Set(list(asked.get("compare")))];
  const compare = slugs.filter((slug) => known("model", NUMBER.has(slug), slug));
  const off = new Set(list(asked.get("hide")));
  const on = new Set(list(asked.get("show")));
  for (const id of [...on, ...off]) known("column", boxes.some((b) => b.value === id), id);
  const at = study.metrics.findIndex(([id]) => id === metric);
  const measured = study.datasets.filter((d) => Object.values(d.cells).some((cell) => Array.isArray(cell[at])));
  const chosen = study.datasets.filter((d) => ids.includes(d.id));
  const mode = asked.get("mode") ?? "";
  return {
    study,
    metric,
    at,
    chosen,
    datasets: chosen.length ? chosen : measured,
    mode: known("kind", [...form.mode.options].some((o) => o.value === mode), mode) ? mode : "",
    q: asked.get("q") ?? "",
    sort: asked.get("sort") ?? "",
    show: new Set(boxes.map((b) => b.value).filter((v) => on.has(v) || (isDefault(v) && !off.has(v)))),
    compare: compare.slice(0, 2),
    lost,
  };
}

// The address of a view: protocol and measure always, the rest where it is not the default.
function writeView(view) {
  const shown = boxes.map((b) => b.value);
  const parts = {
    protocol: view.study.id,
    metric: view.metric,
    datasets: view.chosen.map((d) => d.id).join(","),
    mode: view.mode,
    q: view.q,
    sort: view.sort,
    show: shown.filter((v) => view.show.has(v) && !isDefault(v)).join(","),
    hide: shown.filter((v) => !view.show.has(v) && isDefault(v)).join(","),
    compare: view.compare.join(","),
  };
  const plain = (text) => encodeURIComponent(text).replace(/%2C/g, ",").replace(/%2F/g, "/");
  const said = Object.entries(parts).filter(([, value]) => value);
  return `#${said.map(([key, value]) => `${key}=${plain(value)}`).join("&")}`;
}

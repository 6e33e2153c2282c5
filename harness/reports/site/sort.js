// Sort a table by the column whose heading is pressed; empty cells stay at the end.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const table = heading.closest("table");
    const column = Number(heading.dataset.column);
    const numeric = heading.classList.contains("number");
    const now = heading.getAttribute("aria-sort");
    const falling = now ? now === "ascending" : numeric;
    const key = (row) => row.children[column].dataset.value ?? row.children[column].textContent;
    const sign = falling ? -1 : 1;
    const compare = (a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return sign * (numeric ? x - y : x.localeCompare(y, "en", { numeric: true }));
    };
    for (const body of table.tBodies) {
      body.append(...[...body.querySelectorAll("tr:not(.note)")].sort(compare));
    }
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
  });
}

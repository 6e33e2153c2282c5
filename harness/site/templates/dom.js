"use strict";
// Elements are made of text only: nothing that a record says is ever read as HTML.

// ``make("a", {href}, "text", child)``; false and null children are left out.
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== false && child != null));
  return element;
}

const byId = (id) => document.getElementById(id);

// As all tables write numbers: three decimals, a true minus, a dash for none.
const NONE = "–";
const number = (value) =>
  value == null ? NONE : value.toFixed(3).replace(/^-(?=0\.000$)/, "").replace("-", "−");
// An end of an interval that is below 0 has its minus, also where it rounds to 0: [−.000, .121].
const short = (value) => (value < 0 ? "−" : "") + number(Math.abs(value)).replace(/^0\./, ".");
const interval = (low, high) => (low == null || high == null ? "" : `[${short(low)}, ${short(high)}]`);
const large = (value) => {
  if (value === 0) return "0";
  const [unit, letter] = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]].find(([u]) => value >= u) ?? [1, ""];
  return `${(value / unit).toPrecision(3)} ${letter}`.trim();
};
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

// A name may be broken after its punctuation.
const breakable = (name) =>
  (name.match(/[^:/_.-]*[:/_.-]+|[^:/_.-]+$/g) ?? [name]).flatMap((part) => [part, make("wbr")]);

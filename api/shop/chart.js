// A small chart, as a picture beside the table that has its numbers.
import { count } from "./page.js";

const width = 600, height = 120, margin = 6; // of the chart's viewBox

// drawSteps draws values from left to right, in steps of one width, and zero as a line. Fewer than two make no picture.
export function drawSteps(svg, values, name) {
  svg.toggleAttribute("hidden", values.length < 2);
  svg.replaceChildren();
  if (values.length < 2) return;
  const low = Math.min(0, ...values), high = Math.max(low + 1, ...values);
  const x = (i) => (i * width) / values.length;
  const y = (value) => margin + ((high - value) * (height - 2 * margin)) / (high - low);
  const line = values.map((value, i) => `${i ? "" : `M0 ${y(value)}`}V${y(value)}H${x(i + 1)}`).join("");
  svg.append(path("area", `${line}V${y(0)}H0Z`), path("zero", `M0 ${y(0)}H${width}`), path("line", line));
  const last = values[values.length - 1];
  svg.setAttribute("aria-label", `${name}: ${count(last)} now; of the last ${values.length}, the highest ${count(Math.max(...values))}, ` +
    `the lowest ${count(Math.min(...values))}`);
}

function path(className, d) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", "path");
  node.setAttribute("class", className);
  node.setAttribute("d", d);
  return node;
}

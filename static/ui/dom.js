// Builds elements and puts text in. Text only ever enters as text nodes, never as markup.

/** The element with this id; the page and the modules are one release, so it is there. */
export function byId(id) {
  return document.getElementById(id);
}

/**
 * Makes an element. `attributes` are set one by one (`false` and `null` are left out, `true` gives an empty one);
 * `children` are nodes or strings, and strings become text.
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** The nodes of a sentence from the server, which writes names and values in backticks: those become `code`. */
export function prose(text) {
  return String(text).split(/(`[^`]+`)/).filter((part) => part !== "").map((part) =>
    part.length > 2 && part.startsWith("`") && part.endsWith("`") ? element("code", {}, part.slice(1, -1)) : part);
}

/** Puts a sentence into `node`, and hides it when there is none. */
export function say(node, text) {
  node.replaceChildren(...prose(text ?? ""));
  node.hidden = !text;
}

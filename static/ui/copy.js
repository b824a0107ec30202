// Copy buttons that also work on plain http, where browsers hide the clipboard API.

import { element } from "./dom.js";

const SHOWN_MS = 1600;

/** Copies what is selected the old way: a field outside the view, selected, `execCommand`. */
function copyBySelection(text) {
  const field = element("textarea", { class: "copy-source", readonly: true, "aria-hidden": "true", tabindex: "-1" });
  field.value = text;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return copied;
}

/** Copies `text`; answers whether it worked. */
export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // not allowed here: the old way may still be
    }
  }
  return copyBySelection(text);
}

function selectContents(node) {
  const range = document.createRange();
  range.selectNodeContents(node);
  const selection = window.getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

/**
 * A button that copies the text of `source`. When no way of copying works, the text is selected
 * so that the keyboard shortcut finishes the job.
 */
export function copyButton(source, label) {
  const word = element("span", { "aria-live": "polite" }, "Copy");
  const button = element("button", { type: "button", class: "copy quiet" }, word, element("span", { class: "unseen" }, ` ${label}`));
  let timer = 0;
  button.addEventListener("click", async () => {
    const copied = await copyText(source.textContent);
    if (!copied) selectContents(source);
    word.textContent = copied ? "Copied" : "Selected";
    button.dataset.state = copied ? "copied" : "selected";
    clearTimeout(timer);
    timer = setTimeout(() => {
      word.textContent = "Copy";
      delete button.dataset.state;
    }, SHOWN_MS);
  });
  return button;
}

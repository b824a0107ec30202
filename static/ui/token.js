// The token of this tab: in memory and in sessionStorage, which the browser drops with the tab. Never in an address.

const KEY = "ferrywheel-token";
const listeners = new Set();
let token = readStored();

function readStored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage is switched off: memory alone will do
  }
}

/** Whether there is a token at all; only the server can say if it is a good one. */
export function hasToken() {
  return token !== "";
}

/** The header that carries the token, or none. */
export function authorization() {
  return token === "" ? {} : { Authorization: `Bearer ${token}` };
}

/** Takes a token as typed or pasted. Whatever cannot stand in a header is dropped with the white space. */
export function setToken(typed) {
  token = typed.replace(/[^\x21-\x7e]/g, "");
  try {
    if (token === "") sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, token);
  } catch {
    // memory alone will do
  }
  for (const listener of listeners) listener();
}

/** Keeps `input` and the token equal, whichever field of the page it was typed into. */
export function bindTokenInput(input) {
  input.value = token;
  input.addEventListener("input", () => setToken(input.value));
  listeners.add(() => {
    if (document.activeElement !== input) input.value = token;
  });
}

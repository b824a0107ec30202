// Files as people hand them over: picked, picked as a folder, or dropped, folders included.

const WANTED = /\.(whl|tar\.gz)$/i;

/** Sorts files into those an index can hold and the names of the others. */
export function sortFiles(files) {
  const wanted = [];
  const leftOut = [];
  for (const file of files) {
    if (WANTED.test(file.name)) wanted.push(file);
    else leftOut.push(file.name);
  }
  return { wanted, leftOut };
}

function readBatch(reader) {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

function fileOf(entry) {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

async function* walk(entry) {
  if (entry.isFile) {
    yield await fileOf(entry);
    return;
  }
  const reader = entry.createReader();
  // A reader hands out a folder in pieces and ends with an empty one.
  for (let batch = await readBatch(reader); batch.length > 0; batch = await readBatch(reader)) {
    for (const child of batch) yield* walk(child);
  }
}

/** All files of a drop, those in folders too. What cannot be read is left to the browser's own message. */
export async function filesOfDrop(transfer) {
  // Entries must be taken before the first await: the drop's items are emptied when the event ends.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...transfer.files];
  if (!entries.some((entry) => entry.isDirectory)) return plain;
  const files = [];
  for (const entry of entries) {
    for await (const file of walk(entry)) files.push(file);
  }
  return files;
}

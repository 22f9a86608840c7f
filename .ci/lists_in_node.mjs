// Lists of graphs in onnxruntime for JavaScript, compared with those of recommend: node lists_in_node.mjs PACKAGE
// in a folder with the graphs and cases of lists_in_node.py, where npm has installed the package.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const ort = await import(process.argv[2]);
let nLists = 0;
for (const { graph, text, users, exclude, items, scores } of JSON.parse(readFileSync("cases.json", "utf8"))) {
  const session = await ort.InferenceSession.create(new Uint8Array(readFileSync(graph)));
  const tensor = (ids, shape) =>
    text ? new ort.Tensor("string", ids, shape) : new ort.Tensor("int64", BigInt64Array.from(ids, BigInt), shape);
  const length = Math.max(...exclude.map((ids) => ids.length));
  const padded = exclude.flatMap((ids) => [...ids, ...Array(length - ids.length).fill(text ? "" : -1)]);
  const found = await session.run({
    user: tensor(users, [users.length]),
    exclude: tensor(padded, [users.length, length]),
  });
  const [itemName, scoreName] = session.outputNames;
  const foundItems = Array.from(found[itemName].data, (id) => (text ? id : Number(id)));
  assert.deepEqual(foundItems, items.flat());
  scores.flat().forEach((score, place) => {
    assert(Math.abs(found[scoreName].data[place] - score) < 1e-4 * Math.max(1, Math.abs(score)));
  });
  nLists += users.length;
}
assert(nLists > 0);
console.log(`${nLists} lists in ${process.argv[2]} are those of recommend`);

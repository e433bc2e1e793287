// Reads the headers of one model on a hub with huggingface.js and writes what it counted
// as one line of JSON. Arguments: the hub's URL and the model's name, owner/name.
import { parseSafetensorsMetadata } from "@huggingface/hub";

const [hubUrl, name] = process.argv.slice(2);
const found = await parseSafetensorsMetadata({ repo: { type: "model", name }, hubUrl, computeParametersCount: true });
const stored = Object.values(found.parameterCount).reduce((sum, n) => sum + n, 0);
const files = Object.keys(found.sharded ? found.headers : { one: found.header }).length;
process.stdout.write(JSON.stringify({ parameters: found.parameterTotal ?? stored, files }) + "\n");

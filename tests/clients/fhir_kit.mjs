// Asks with fhir-kit-client what a test asks for: [method, arguments] on a line, the answer on one.
// https://github.com/Vermonster/fhir-kit-client
import { createInterface } from "node:readline";
import { Client } from "fhir-kit-client";

const [baseUrl, bearerToken] = process.argv.slice(1);
const client = new Client({ baseUrl, ...(bearerToken && { bearerToken }) });

async function answer(method, given) {
  try {
    const data = (await client[method](given)) ?? null; // null: no request, for want of a next page
    return { status: data && Client.httpFor(data).response.status, data };
  } catch (error) {
    return error.response ?? { error: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(...JSON.parse(line))));
}

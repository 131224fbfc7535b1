// OpenAI's own client for Node.js, asking Footnote: node openai_npm.mjs URL KEY. test_npm_openai.py runs it.

import assert from "node:assert/strict";
import OpenAI from "openai";

const [url, key] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const asked = { model: "footnote", messages: [{ role: "user", content: "How many days of leave?" }] };

const answer = await client.chat.completions.create(asked);
const { message } = answer.choices[0];
assert.equal(message.content, "Everybody has 28 days of leave.");
assert.equal(message.annotations[0].url_citation.title, "Leave policy");

let streamed = "";
let cited = 0;
let usage = null;
const stream = await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta.content ?? "";
  cited += chunk.choices[0]?.delta.annotations?.length ?? 0;
  usage = chunk.usage ?? usage;
}
assert.equal(streamed, message.content);
assert.equal(cited, message.annotations.length);
assert.equal(typeof usage.total_tokens, "number");

const models = await client.models.list();
assert.deepEqual(models.data.map(({ id }) => id).slice(0, 2), ["footnote", "footnote-marked"]);
const { data } = await client.embeddings.create({ model: models.data[2].id, input: ["leave", "weather"] });
assert.equal(data.length, 2);
assert.equal(data[0].embedding.length, 64);

await assert.rejects(client.chat.completions.create({ ...asked, model: "gpt-5" }), OpenAI.NotFoundError);
await assert.rejects(new OpenAI({ baseURL: `${url}/v1`, apiKey: "x", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);

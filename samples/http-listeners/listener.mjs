// Listens to a namespace over HTTP: node listener.mjs http://127.0.0.1:5080/latchwork/api order-unpaid [bearer token]
import { randomBytes } from 'node:crypto';

const [base, namespace, bearer] = process.argv.slice(2);
const headers = { 'Content-Type': 'application/json', ...(bearer && { Authorization: `Bearer ${bearer}` }) };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function post(path, body) {
  const request = { method: 'POST', headers, body: JSON.stringify({ namespace, ...body }), signal: AbortSignal.timeout(60_000) };
  const answer = await fetch(`${base}/timers/${path}`, request);
  if (answer.ok || answer.status === 409 || answer.status === 404) return answer.json(); // 409: the delivery is another's by now
  throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

async function handle(delivery) {
  console.log(`${delivery.id} ${JSON.stringify(delivery.data)} retries=${delivery.retries}`);
}

async function work({ token, ...event }) {
  const failed = await handle(event).then(() => null, (error) => String(error));
  await post(failed ? 'fail' : 'confirm', { id: event.id, token, ...(failed && { error: failed }) });
}

const newToken = () => randomBytes(16).toString('hex');

for (let token = newToken(); ;) {
  try {
    // The same token until an answer has arrived: a lost or broken one is asked for again.
    const { deliveries } = await post('claim', { token, max: 10, wait: '30s', lease: '30s' });
    const working = deliveries.map(work);
    token = newToken();
    await Promise.all(working.map((one) => one.catch((error) => console.error(String(error))))); // its lease ends, and it comes again
  } catch (error) { // whatever a server that stops, or a proxy before it, answers
    console.error(String(error));
    await pause(1000);
  }
}

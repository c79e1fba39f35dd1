// Listens to a namespace over HTTP: node listener.mjs http://127.0.0.1:5080/latchwork/api order-unpaid [bearer token]
import { randomBytes } from 'node:crypto';

const [base, namespace, bearer] = process.argv.slice(2);
const headers = { 'Content-Type': 'application/json', ...(bearer && { Authorization: `Bearer ${bearer}` }) };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function post(path, body) {
  const answer = await fetch(`${base}/timers/${path}`, { method: 'POST', headers, body: JSON.stringify({ namespace, ...body }) });
  if (answer.ok || answer.status === 409 || answer.status === 404) return answer.json(); // 409: the delivery is another's by now
  throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
}

async function handle(delivery) {
  console.log(`${delivery.id} ${JSON.stringify(delivery.data)} retries=${delivery.retries}`);
}

const newToken = () => randomBytes(16).toString('hex');

for (let token = newToken(); ;) {
  try {
    // The same token until an answer has arrived: a lost one is asked for again.
    const { deliveries } = await post('claim', { token, max: 10, wait: '30s', lease: '30s' });
    token = newToken();
    await Promise.all(deliveries.map(async ({ id, token: lease, ...event }) => {
      const failed = await handle({ id, ...event }).then(() => null, (error) => error);
      await post(failed ? 'fail' : 'confirm', { id, token: lease, ...(failed && { error: String(failed) }) });
    }));
  } catch (error) {
    console.error(String(error));
    await pause(1000);
  }
}

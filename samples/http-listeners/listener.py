"""Listens to a namespace over HTTP: python3 listener.py http://127.0.0.1:5080/latchwork/api order-unpaid [bearer token]"""
import json, secrets, sys, time, urllib.error, urllib.request

base, namespace, *bearer = sys.argv[1:]
headers = {"Content-Type": "application/json"}
if bearer:
    headers["Authorization"] = f"Bearer {bearer[0]}"

def post(path, **body):
    request = urllib.request.Request(f"{base}/timers/{path}", json.dumps({"namespace": namespace, **body}).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (404, 409):  # the delivery is another's by now
            return json.load(error)
        raise

def handle(delivery):
    print(delivery["id"], json.dumps(delivery.get("data")), f"retries={delivery['retries']}", flush=True)

token = secrets.token_hex(16)
while True:
    try:
        # The same token until an answer has arrived: a lost or broken one is asked for again.
        deliveries = list(post("claim", token=token, max=10, wait="30s", lease="30s")["deliveries"])
        token = secrets.token_hex(16)
    except Exception as error:  # whatever a server that stops, or a proxy before it, answers
        print(repr(error), file=sys.stderr, flush=True)
        time.sleep(1)
        continue
    for delivery in deliveries:
        try:
            try:
                handle(delivery)
            except Exception as error:
                post("fail", id=delivery["id"], token=delivery["token"], error=repr(error))
            else:
                post("confirm", id=delivery["id"], token=delivery["token"])
        except Exception as error:  # its lease ends, and it comes again
            print(repr(error), file=sys.stderr, flush=True)

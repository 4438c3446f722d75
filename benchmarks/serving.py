"""Serves an exported model by onnxruntime behind a queue with dynamic batching, asks it with clients that each wait for their answer, and
prints a line of JSON for each limit of batches.

    python benchmarks/serving.py MODEL.onnx CLIENTS SECONDS LIMIT[,LIMIT]

A batch begins when it is full, or when its first request has waited for 2 ms. Latency is from a request to its answer.
"""

import json
import queue
import sys
import threading
import time

import numpy
import onnxruntime

path, clients, seconds, limits = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4].split(",")
delay = 0.002
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
name, shape = next((i.name, i.shape) for i in session.get_inputs())
picture = numpy.random.default_rng(1).standard_normal(shape[1:], dtype=numpy.float32)


def serve(waiting, most, sizes):
    """Runs batches until None arrives."""
    while True:
        first = waiting.get()
        if first is None:
            return
        batch, until = [first], time.perf_counter() + delay
        while len(batch) < most:
            try:
                following = waiting.get(timeout=max(0.0, until - time.perf_counter()))
            except queue.Empty:
                break
            if following is None:
                waiting.put(None)
                break
            batch.append(following)
        (logits,) = session.run(["logits"], {name: numpy.stack([pixels for pixels, _ in batch])})
        sizes.append(len(batch))
        for (_, answer), row in zip(batch, logits, strict=True):
            answer.put(row)


def ask(waiting, end, latencies):
    answer = queue.Queue(1)
    while time.perf_counter() < end:
        start = time.perf_counter()
        waiting.put((picture, answer))
        answer.get()
        latencies.append(time.perf_counter() - start)


for limit in map(int, limits):
    for _ in range(2):
        session.run(["logits"], {name: numpy.stack([picture] * limit)})
    waiting, sizes, latencies = queue.Queue(), [], []
    server = threading.Thread(target=serve, args=(waiting, limit, sizes))
    server.start()
    start = time.perf_counter()
    threads = [threading.Thread(target=ask, args=(waiting, start + seconds, latencies)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - start
    waiting.put(None)
    server.join()
    p50, p90 = numpy.percentile(latencies, [50, 90]) * 1000
    facts = {"limit": limit, "meanBatch": float(numpy.mean(sizes)), "requests": len(latencies)}
    print(json.dumps({**facts, "perSecond": len(latencies) / took, "latencyMs": p50, "latencyP90Ms": p90}), flush=True)

// onnxruntime's side of inference:
//   node onnx_forward.js FILE.onnx INPUTS BATCH THREADS [SECONDS]
// prints rows per second, the median of five stretches by the clock. onnxruntime-node is
// looked for from the folder it is called in.
const path = require("path");
const ort = require(require.resolve("onnxruntime-node", { paths: [process.cwd()] }));

async function main() {
  const [file, inputs, batch, threads, seconds] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(path.resolve(file), {
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
    graphOptimizationLevel: "all",
  });
  const data = Float32Array.from({ length: batch * inputs }, () => 2 * Math.random() - 1);
  const feeds = { x: new ort.Tensor("float32", data, [Number(batch), Number(inputs)]) };
  const rates = [];
  let runs = 1;
  for (let repeat = -1; repeat < 5; ) {
    const start = process.hrtime.bigint();
    for (let i = 0; i < runs; i++) {
      await session.run(feeds);
    }
    const took = Number(process.hrtime.bigint() - start) / 1e9;
    if (took < Number(seconds || 0.3)) {
      runs *= 2;
      continue;
    }
    rates[++repeat] = (runs * batch) / took;
  }
  rates.sort((a, b) => a - b);
  console.log(rates[Math.floor(rates.length / 2)].toPrecision(4));
}

main();

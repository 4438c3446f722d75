/** Models that take turns, with the time of the clock and of the processor. */
const sorted = (values) => [...values].sort((a, b) => a - b);
export const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(q * values.length))];
const summary = (ratios) => ({
  median: quantile(ratios, 0.5),
  quartiles: [quantile(ratios, 0.25), quantile(ratios, 0.75)],
});

/** [model][round] of { ms, processorMs }. The run after another model's is not counted. */
export async function takeTurns(models, { pixelValues, batch }, rounds) {
  const turn = async (model) => {
    await model.run({ pixelValues, batch });
    const before = process.cpuUsage();
    const start = performance.now();
    const runs = batch === 1 ? 4 : 1;
    for (let i = 0; i < runs; i++) await model.run({ pixelValues, batch });
    const ms = (performance.now() - start) / runs;
    const { user, system } = process.cpuUsage(before);
    return { ms, processorMs: (user + system) / 1000 / runs };
  };
  const turns = models.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [i, model] of models.entries()) turns[i].push(await turn(model));
  return turns;
}

/** How many times as fast the second turns are as the first: the median over the rounds of the ratio, and its quartiles. */
export const ratiosOf = (first, second) => {
  const ratios = (field) => summary(first.map((one, round) => one[field] / second[round][field]));
  return { clock: ratios("ms"), processor: ratios("processorMs") };
};

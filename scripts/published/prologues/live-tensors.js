// The plain backend has no tensors of a device that could leak. src/index.js, the reader's own backend, is in fixtures.mjs.
const liveTensors = () => 0;

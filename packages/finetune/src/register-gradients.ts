/** Loading this module registers TensorFlow.js's gradients. */
import "@tensorflow/tfjs-core/dist/register_all_gradients.js";

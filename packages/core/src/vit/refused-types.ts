/** Models of transformers that look like a ViT's and are none, by `model_type`: why their blocks are not those of this program. */

const relativePositions =
  "its attention adds a bias for the distance of two patches, and a merged token has no such distance";
const windows = "its attention sees windows of the picture, which lose their shape if tokens are removed";
const pyramid = "its blocks keep the grid of patches and make it coarser, which needs all tokens";
const video = "it takes videos";
const detection = "it finds boxes, and this program has no head for them";

/** One line adds one. Types that belong beside a family stand in its file, in `refusedTypes`. */
export const refusedTypes: Readonly<Record<string, string>> = {
  beit: relativePositions,
  "data2vec-vision": relativePositions,
  sam: relativePositions,
  sam_vision_model: relativePositions,
  swin: windows,
  swinv2: windows,
  swin2sr: windows,
  "donut-swin": windows,
  vitdet: windows,
  hiera: windows,
  nat: windows,
  dinat: windows,
  convnext: pyramid,
  convnextv2: pyramid,
  cvt: pyramid,
  efficientformer: pyramid,
  focalnet: pyramid,
  levit: pyramid,
  mobilevit: pyramid,
  mobilevitv2: pyramid,
  poolformer: pyramid,
  pvt: pyramid,
  pvt_v2: pyramid,
  resnet: pyramid,
  segformer: pyramid,
  timesformer: video,
  videomae: video,
  vivit: video,
  detr: detection,
  rt_detr: detection,
  yolos:
    "its detection tokens stand behind the patches, and most of its models add positions in every block; its boxes need all of that",
  vit_hybrid: "a convolutional network makes its patches",
};

import { createOnnxBackend } from "@ppt-vit/backend-onnx";
import { fromPretrained } from "@ppt-vit/pipeline";
import { mkdirSync, writeFileSync, existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { huggingFaceConfig, randomCheckpoint } from "./geometries.mjs";
const F="/tmp/zzf"; 
if(!existsSync(F)){ mkdirSync(F+"/checkpoint",{recursive:true});
 const sharp=createRequire(new URL("../packages/pipeline/package.json", import.meta.url))("sharp");
 const S="packages/demo-model/samples/"; const files=readdirSync(S);
 for(let i=0;i<32;i++) await sharp(S+files[i%files.length]).resize(500,375,{fit:"fill"}).jpeg({quality:90}).toFile(`${F}/${i}.jpg`);
 writeFileSync(F+"/checkpoint/config.json",JSON.stringify(huggingFaceConfig("deit-s")));
 writeFileSync(F+"/checkpoint/preprocessor_config.json",JSON.stringify({do_resize:true,size:{height:224,width:224},resample:2,do_rescale:true,rescale_factor:1/255,do_normalize:true,image_mean:[.5,.5,.5],image_std:[.5,.5,.5],image_processor_type:"ViTImageProcessor"}));
 writeFileSync(F+"/checkpoint/model.safetensors",randomCheckpoint("deit-s"));
}
const pics=Array.from({length:32},(_, i)=>`${F}/${i}.jpg`);
const backend=await createOnnxBackend({sessionOptions:{intraOpNumThreads:2}});
const c=await fromPretrained(F+"/checkpoint",{backend});
const pic0=pics.slice(0,8);
const alone=[];
const N=+(process.argv[2]??8);
const tot=[],mod=[];
for(let r=0;r<N+1;r++){ let m=0; const a=performance.now(); for await(const x of c.classifyAll(pics,{batch:8,topK:1})) m+=x.latencyMs; const t=performance.now()-a; 
 { let m2=0; for await(const x of c.classifyAll(pic0,{batch:8,topK:1})) m2+=x.latencyMs; if(r) alone.push(m2*4); }
 if(r){tot.push(t);mod.push(m)} await new Promise(r=>setTimeout(r,300)); }
const med=x=>x.sort((a,b)=>a-b)[x.length>>1];
const t=med(tot),m=med(mod); console.log("model with nothing beside it",med(alone).toFixed(0),"turn",t.toFixed(0),"model",m.toFixed(0),"rest",(t-m).toFixed(1),"images/s",(32000/t).toFixed(1));
await c.dispose();

/** Every object key of a run, in one place. Versions and sequences are padded so that a listing is in order. */
export const keys = {
  run: (run: string) => `runs/${run}/`,
  manifest: (run: string) => `runs/${run}/manifest.json`,
  policy: (run: string, version: number) => `runs/${run}/policies/${String(version).padStart(9, '0')}.onnx`,
  batch: (run: string, shard: number, lease: string, sequence: number) =>
    `runs/${run}/batches/${shard}/${lease}-${String(sequence).padStart(9, '0')}.safetensors`,
  code: (run: string, sha256: string) => `runs/${run}/code/${sha256.slice(0, 16)}.mjs`,
  badBatch: (run: string, id: string) => `runs/${run}/rejected/${id}`,
} as const

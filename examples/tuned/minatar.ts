import { experiment, impala, ppo } from 'millrace'

/**
 * The five MinAtar games (Young & Tian 2019, arXiv:1903.03176), with all six actions and for 5,000,000 frames, as in its learning curves
 * (kenjyoung/MinAtar, img/learning_curves.gif; means of 30 seeds, read off the plot), whose better one of DQN and AC(0.8) is the figure in each file.
 */
const game = { stop: { envSteps: 5_000_000 } }

/** Settings: gymnax-blines, agents/Breakout-MinAtar/ppo.yaml, but for its warm-up of the learning rate. Its env ends episodes after 1,000 steps. */
export const minAtarPpo = (env: string) =>
  experiment({
    ...game,
    env,
    algorithm: ppo({
      gamma: 0.999,
      lambda: 0.95,
      learningRate: 5e-4,
      entropyCoef: 0.01,
      hidden: [256, 256],
      activation: 'relu',
      trainBatchSteps: 8192,
      minibatchSteps: 1024,
      epochs: 4,
    }),
    rollouts: { shards: 2, envsPerShard: 32, fragmentLength: 128 },
  })

/** Nobody has published settings of IMPALA for MinAtar: those of IMPALA's paper for Atari (table G.1), Adam in RMSprop's place. */
export const minAtarImpala = (env: string) =>
  experiment({
    ...game,
    env,
    algorithm: impala({
      gamma: 0.99,
      learningRate: { clock: 'envSteps', from: 6e-4, to: 0, over: 5_000_000 },
      entropyCoef: 0.01,
      hidden: [256, 256],
      activation: 'relu',
      trainBatchSteps: 640,
    }),
    rollouts: { shards: 2, envsPerShard: 16, fragmentLength: 20 },
  })

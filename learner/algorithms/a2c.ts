import { z } from 'zod'
import { algorithm } from '../algorithm.ts'
import { actorCriticLoss, explainedVariance } from '../losses/index.ts'
import { publishPolicy, trainOneStep } from '../operators/training.ts'
import { rate as fed, rolloutColumns } from '../program/index.ts'
import { count, rate } from '../settings.ts'
import { reduceMean } from '../tensor/index.ts'
import { ENGINE_SETTINGS } from '../training/engine.ts'
import { LOSS_SETTINGS, actorCritic, estimated, ratesOf } from './actorCritic.ts'
import { NETWORK_SETTINGS, policyOf } from './networkSettings.ts'
import { NORMALIZATION_SETTINGS } from './normalization.ts'
import { rounds, synchronous } from './synchronous.ts'

/** Defaults: those of Stable-Baselines3 (RMSprop as in the paper's code, 7e-4, decay 0.99, epsilon 1e-5, clip 0.5, value 0.5). */
export const A2C_SETTINGS = {
  ...LOSS_SETTINGS,
  learningRate: rate.default(7e-4),
  optimizer: z.enum(['rmsprop', 'adam']).default('rmsprop'),
  /** Of generalised advantage estimation; 1 is the n-step return of the paper. */
  lambda: z.number().min(0).max(1).default(1),
  ...NETWORK_SETTINGS,
}

const A2cConfig = z.strictObject({
  ...A2C_SETTINGS,
  ...NORMALIZATION_SETTINGS,
  /** Env steps of an update, rounded up to whole rounds of all shards. */
  trainBatchSteps: count.default(320),
  ...ENGINE_SETTINGS,
})

/**
 * A2C, the synchronous form of A3C (Mnih et al. 2016, arXiv:1602.01783, algorithm S3): every shard steps with the newest policy, and one
 * update takes what all of them made.
 */
export const a2c = algorithm({
  name: 'a2c',
  about: {
    sentence: 'the synchronous form of A3C: one gradient step a batch, along the n-step advantage',
    paper: 'Mnih et al. 2016, arXiv:1602.01783',
  },
  config: A2cConfig,
  rollouts: { fragmentLength: 5 },

  plan: (plan, c, setting) =>
    rounds(plan, c, setting)
      .via(trainOneStep({ rates: ratesOf(c), publishEvery: 1 }))
      .via(publishPolicy()),
  ...synchronous,

  policy: policyOf,

  program(c, sizes) {
    const network = actorCritic(c, sizes.policy)
    const batch = rolloutColumns(sizes)
    const { policy, values, nextValues } = network.evaluate(batch)
    const { advantages, returns } = estimated(batch, { values, nextValues }, c)
    const { standard, shrink, kept } = network.normalization
    const loss = actorCriticLoss(
      {
        logProbs: policy.logProb(batch.actions),
        values: standard(values),
        entropy: policy.entropy(),
        advantages: shrink(advantages),
        targets: standard(returns),
      },
      { valueCoef: c.valueCoef, entropyCoef: fed('entropy_coef'), reduction: 'mean' },
    )
    const optimizer = { kind: c.optimizer, epsilon: c.epsilon }
    const program = {
      sets: { policy: network.parameters },
      graphs: {
        a2c: {
          minimise: { policy: { loss: loss.total, optimizer, maxGradNorm: c.maxGradNorm } },
          metrics: {
            ...loss.metrics,
            meanTarget: reduceMean(returns),
            explainedVariance: explainedVariance(returns, values),
          },
        },
      },
      calls: { update: [{ run: 'a2c' }] },
      policies: { default: { sets: ['policy'], ...network.published } },
      rewardScale: c.rewardScale,
    }
    return kept(program, { batch, targets: returns, graph: 'a2c' })
  },
})

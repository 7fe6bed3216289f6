import { z } from 'zod'
import { algorithm } from '../algorithm.ts'
import { actorCriticLoss, explainedVariance } from '../losses/index.ts'
import { gradients } from '../operators/atSource.ts'
import { concatBatches, countSamples, inOrder } from '../operators/sampling.ts'
import { publishPolicy, trainOneStep } from '../operators/training.ts'
import { rate as fed, rolloutColumns } from '../program/index.ts'
import { rolloutSource } from '../resources.ts'
import { ENGINE_SETTINGS } from '../training/engine.ts'
import { A2C_SETTINGS } from './a2c.ts'
import { actorCritic, estimated, ratesOf } from './actorCritic.ts'
import { appliedGradients } from './appliedGradients.ts'
import { policyOf } from './networkSettings.ts'

/** Defaults: those of our A2C. The paper's: RMSprop whose statistics all threads share, as here. */
const A3cConfig = z.strictObject({
  ...A2C_SETTINGS,
  /** The gradient is taken at its source, by the weights of the policy there: all of them have to be in it. */
  publishValue: z.literal(true).default(true),
  /** Gradients in the order (sequence, shard), each of the weights at the beginning of its round: a run repeats bit for bit. */
  deterministic: z.boolean().default(false),
  ...ENGINE_SETTINGS,
})

/**
 * A3C (Mnih et al. 2016, arXiv:1602.01783, algorithm S3): every function computes the gradient of its own fragment; they are applied one
 * by one, as they come. A function goes on with the weights that its own gradient was applied to. Departs: weights lie at the learner,
 * and functions read them; so none is ever read half-way through an update.
 */
export const a3c = algorithm({
  name: 'a3c',
  about: {
    sentence: 'functions compute the gradients of their own steps, and each is applied as it comes',
    paper: 'Mnih et al. 2016, arXiv:1602.01783',
  },
  config: A3cConfig,
  rollouts: { fragmentLength: 5 },

  plan(plan, c, { shards, fragmentSteps, from }) {
    const each = plan
      .source('rollouts', rolloutSource)
      .atSource(
        gradients({ graph: 'gradients', rates: { entropy_coef: c.entropyCoef }, stepsPerVersion: fragmentSteps }),
      )
      .gatherAsync({ reissue: 'after' })
    return (c.deterministic ? each.via(inOrder({ shards, from })) : each)
      .via(concatBatches({ minSteps: fragmentSteps }))
      .via(countSamples())
      .via(trainOneStep({ rates: ratesOf(c), publishEvery: 1 }))
      .via(publishPolicy())
  },

  policy: policyOf,

  program(c, sizes) {
    const network = actorCritic(c, sizes.policy)
    const batch = rolloutColumns(sizes)
    const { policy, values, nextValues } = network.evaluate(batch)
    const { advantages, returns } = estimated(batch, { values, nextValues }, c)
    const loss = actorCriticLoss(
      {
        logProbs: policy.logProb(batch.actions),
        values,
        entropy: policy.entropy(),
        advantages,
        targets: returns,
      },
      { valueCoef: c.valueCoef, entropyCoef: fed('entropy_coef'), reduction: 'mean' },
    )
    const metrics = { ...loss.metrics, explainedVariance: explainedVariance(returns, values) }
    const optimizer = { kind: c.optimizer, epsilon: c.epsilon }
    return appliedGradients(network, { graph: 'gradients', loss: loss.total, metrics, optimizer }, c)
  },

  fragmentsPerUpdate: () => 1,

  pacing: (c, { shards }) => ({
    mode: c.deterministic ? 'exact' : 'newest',
    perVersion: 1 / shards,
    lead: 0,
    publishEvery: 1,
  }),
})

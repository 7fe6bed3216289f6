import { z } from 'zod'
import { type PlanSetting, algorithm } from '../algorithm.ts'
import { ppoLoss, standardized } from '../losses/index.ts'
import { gae, sharedGradients } from '../operators/atSource.ts'
import { countSamples } from '../operators/sampling.ts'
import { publishPolicy, trainOneStep } from '../operators/training.ts'
import { column, rate as fed, stepColumns } from '../program/index.ts'
import { rolloutSource } from '../resources.ts'
import { count, rate } from '../settings.ts'
import { ENGINE_SETTINGS } from '../training/engine.ts'
import { LOSS_SETTINGS, actorCritic, ratesOf } from './actorCritic.ts'
import { appliedGradients } from './appliedGradients.ts'
import { checkMinibatches } from './minibatches.ts'
import { NETWORK_SETTINGS, policyOf } from './networkSettings.ts'
import { SURROGATE_SETTINGS } from './ppo.ts'

/** Defaults: the paper's clip, gamma and lambda; four epochs of four minibatches, as CleanRL's PPO has them. */
const DdppoConfig = z.strictObject({
  ...LOSS_SETTINGS,
  learningRate: rate.default(1e-3),
  ...SURROGATE_SETTINGS,
  ...NETWORK_SETTINGS,
  /** Advantages and gradients are computed where the steps are, by the policy there: all weights have to be in it. */
  publishValue: z.literal(true).default(true),
  epochs: count.default(4),
  /** Steps of one function in a minibatch; an update takes so many of every function. */
  minibatchSteps: count.default(256),
  ...ENGINE_SETTINGS,
})

/** What a function does with the fragment that it keeps; a version stands for one minibatch of every function. */
const epochsOf = (c: z.output<typeof DdppoConfig>, { shards }: PlanSetting) => ({
  epochs: c.epochs,
  rows: c.minibatchSteps,
  rates: { entropy_coef: c.entropyCoef },
  stepsPerVersion: (shards * c.minibatchSteps) / c.epochs,
})

/**
 * DD-PPO (Wijmans et al. 2019, arXiv:1911.00357): every function keeps the fragment it made for several epochs of minibatches; of each it
 * gives the gradient, and goes on when the mean over all functions was applied. Departs: the mean is taken by the learner and not by all
 * among themselves, so weights are one message away, and the sum, in the order of the shards, is the same every time; nobody is cut
 * short because others are done (the paper's preemption), as functions have equally many steps.
 */
export const ddppo = algorithm({
  name: 'ddppo',
  about: {
    sentence: 'PPO whose functions compute the gradients of their own steps; the learner averages them',
    paper: 'Wijmans et al. 2019, arXiv:1911.00357',
  },
  config: DdppoConfig,
  rollouts: { envsPerShard: 8, fragmentLength: 128 },

  plan: (plan, c, setting) =>
    plan
      .source('rollouts', rolloutSource)
      .atSource(gae({ gamma: c.gamma, lambda: c.lambda, rewardScale: c.rewardScale }))
      .atSource(sharedGradients({ graph: 'surrogate', ...epochsOf(c, setting) }))
      .batchAcrossShards()
      .via(countSamples())
      .via(trainOneStep({ rates: ratesOf(c), publishEvery: 1 }))
      .via(publishPolicy()),

  policy: policyOf,

  program(c, { policy: spec }) {
    const rows = [c.minibatchSteps]
    const network = actorCritic(c, spec)
    const steps = stepColumns(spec, rows)
    const { policy, values } = network.apply(steps)
    const [advantages, oldValues, returns] = [
      column('advantages', rows),
      column('old_values', rows),
      column('returns', rows),
    ]
    const loss = ppoLoss(
      {
        logProbs: policy.logProb(steps.actions),
        oldLogProbs: steps.behaviourLogProbs,
        advantages: c.standardizeAdvantages ? standardized(advantages) : advantages,
        values,
        oldValues,
        returns,
        entropy: policy.entropy(),
      },
      { ...c, entropyCoef: fed('entropy_coef') },
    )
    const optimizer = { kind: 'adam', epsilon: c.epsilon } as const
    return appliedGradients(network, { graph: 'surrogate', loss: loss.total, metrics: loss.metrics, optimizer }, c)
  },

  check: (c, { fragmentSteps }) => checkMinibatches('ddppo', c.minibatchSteps, fragmentSteps),
  fragmentsPerUpdate: (_, { shards }) => shards,

  // One gradient of every function a version: sequence number n is of version n.
  pacing: () => ({ mode: 'exact', perVersion: 1, lead: 0, publishEvery: 1 }),
})

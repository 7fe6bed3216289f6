// What settings and metrics of algorithms mean. A setting has one meaning wherever it stands.

export const SETTINGS = {
  learningRate: 'of the optimizer; a number, or a schedule over a clock of the run',
  optimizer: '`adam` or `rmsprop`',
  epsilon: 'of the optimizer',
  gamma: 'discount of rewards a step',
  lambda:
    'of generalised advantage estimation (arXiv:1506.02438); 1 is the n-step return. Of APPO: multiplies the weights of the trace of V-trace',
  entropyCoef: 'weight of the entropy of the policy, which is to be large; a number, or a schedule',
  valueCoef: "weight of the value's loss",
  maxGradNorm: 'global norm to which gradients are clipped',
  rewardScale: 'multiplies rewards before the loss; reported returns are unscaled',
  rewardClip: 'limits scaled rewards to ± this',
  trainBatchSteps:
    'env steps of an update, rounded up to whole fragments; to whole rounds of all shards where all of them are waited for',
  epochs: 'passes over a batch',
  minibatchSteps: 'env steps of a minibatch; has to divide what it is cut from',
  clip: 'the ratio of new to old probability counts within 1 ± this',
  valueClip: 'how far a value may move from the old one before its error stops to count; `null`: as far as it likes',
  standardizeAdvantages: "subtract the mean of a minibatch's advantages, divide by their deviation",
  maxKl: 'no further epoch once the KL divergence from the old policy is over this',
  klTarget: 'adds a penalty on the KL divergence, whose coefficient is adapted to this target',
  targetEvery: 'updates after which the target network becomes the policy',
  rhoBar: 'clip of the importance weights in the value target (arXiv:1802.01561, section 4.1)',
  cBar: 'clip of the importance weights in the trace',
  pgRhoBar: 'clip of the importance weights in the policy gradient',
  correction: '`vtrace`, or `none`: as if the policy that acted were the one that learns',
  reduction: 'over the steps of a batch: `mean`, or `sum` as in the paper',
  publishEvery: 'updates a published version',
  lead: 'train batches a function may be ahead of what the learner has taken: what bounds policy lag',
  maxPolicyLag: 'older fragments are dropped and counted',
  inFlight: 'requests outstanding a shard',
  deterministic: 'take fragments in one order, each stepped with one certain version: a run repeats bit for bit',
  hidden: 'widths of the dense layers; what fits the observations if left out',
  activation: '`tanh`, `relu`, `elu` or `silu`; what fits the observations if left out',
  layerNorm: 'normalise the sums of every dense layer before its activation',
  convolutions:
    'layers over observations [H, W, C], under the dense ones: `{ filters, kernel, stride }` each; what fits if left out',
  sharedTrunk: 'one stack of layers under policy and value, or one each; one for images if left out',
  network: 'a network of your own, in place of all of the above',
  logStd:
    'log standard deviation over a box of actions: one a dimension for all states (`shared`), or given by the `network`',
  initialLogStd: 'what it begins with',
  squashed: 'draw from a box by tanh of a normal number, scaled to the box, instead of limiting the number to it',
  publishValue: 'the published policy also gives `value`',
  normalizeObservations:
    'subtract the running mean of observations and divide by their deviation, in the published policy too',
  normalizeValues: 'learn values of size 1, whatever the size of returns is (PopArt)',
  engine: '`onnxruntime`, or `tfjs`, which runs the same graphs through TensorFlow.js',
  threads: 'of the engine',
}

export const METRICS = {
  loss: 'all parts, each with its weight: what is made smaller',
  policyLoss: "the policy's part; near 0 says nothing, since advantages are about their mean",
  valueLoss: 'half the squared error of the values, without its weight',
  entropy: 'mean entropy of the policy in nats; log of the number of actions at first, near 0 when it is sure',
  meanTarget: 'mean of what the values are to be',
  explainedVariance:
    '1 - Var(target - value) / Var(target): 1 where values are right, 0 where a constant would do as well',
  gradNorm: 'global norm of the gradient before it is clipped',
  learning_rate: 'what this update was made with',
  meanRho: 'mean importance weight, clipped: 1 where the policy that acted is the one that learns',
  kl: 'estimate of the KL divergence from the policy that the ratio is to, (r - 1) - log r',
  clipFraction: 'share of steps whose ratio is outside 1 ± `clip`',
}

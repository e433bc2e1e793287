// Package compute estimates how many operations the training of a model took, and says
// what the datasets of a submission come to together. Both are assessors: they work on
// facts alone, so that a stored case gives the same again.
//
// # Training compute
//
// The estimate is an interval in operations, one multiply-add being two. It comes from
// up to four methods:
//
//   - tokens: C = 6·N·D, where N is the number of parameters that one token passes
//     through and D the number of tokens times the epochs. Two operations a parameter
//     and token make the forward pass, four the backward pass. This is the count that
//     Epoch AI's page on estimating training compute gives for dense transformers.
//   - hardware: C = accelerators · seconds · peak · utilisation, summed over the kinds of
//     accelerator. The same page prefers counted operations to this.
//   - bases: the declared operations of the bases and those of the fine-tuning, added up.
//   - declared: the interval that the submission states.
//
// Where several are known, the interval reaches from the smallest lower to the largest
// upper end of all. So a declared number may raise the upper end and never lower it. Where
// the tokens are unknown and nothing else is known, the operations are unknown: no number
// of tokens is ever assumed. What is shown in its place is how many tokens would reach
// each threshold.
//
// # How wide the interval is
//
// 6·N·D is a count for dense transformers with one forward and one backward pass. The ends
// of the interval are inferences of this project, not published error bounds:
//
//   - A dense decoder of a known family has 6·N·D at its lower end and 8·N·D at its upper:
//     computing all activations a second time, to save memory, costs one more forward
//     pass (2·N·D).
//   - Anything else, a mixture of experts, a diffusion or recurrent model, an unknown
//     family, has half and double: how many passes a token makes, and through which part
//     of the model, is not known from its tensors.
//   - An adapter leaves the weights of its base as they are, so that their gradients need
//     not be computed (2·N·D less): 4·N·D at its lower end.
//
// No interval is shown as exact.
package compute

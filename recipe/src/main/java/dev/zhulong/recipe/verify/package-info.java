/**
 * A model held against reference outputs: the same tensors computed again from the reference's inputs, and how far each is away. For those who bring a
 * family, and for those who want to know that a conversion lost nothing.
 */
package dev.zhulong.recipe.verify;

/**
 * The façade over libtorch, and the only package that sees it.
 *
 * <p><b>Lifetimes.</b> A {@link dev.zhulong.tensor.Tensor} is a handle to native memory. What is made inside
 * {@code try (var scope = TensorScope.open())} is freed when that scope closes. {@link dev.zhulong.tensor.TensorScope#handOut} gives a
 * tensor to the enclosing scope; {@link dev.zhulong.tensor.Tensor#keep} takes it out of all scopes, and its owner closes it. A tensor
 * made outside every scope lives until it is closed or collected. Scopes belong to a thread and nest.
 *
 * <p><b>Gradients.</b> Operations on tensors that require a gradient are recorded unless {@link dev.zhulong.tensor.NoGrad} is open on
 * this thread.
 *
 * <p><b>Errors.</b> What libtorch refuses (shapes that do not fit, memory that is not there) is a {@link java.lang.RuntimeException}
 * with libtorch's first line as its message.
 */
package dev.zhulong.tensor;

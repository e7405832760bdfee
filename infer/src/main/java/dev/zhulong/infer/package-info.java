/**
 * Running a language model: the seam every engine implements, sampling, and generation written once above it.
 *
 * <h2>Contract of {@link dev.zhulong.infer.LanguageModel}</h2>
 * <ul>
 *   <li>A sequence's logits depend on its own ids alone. They are the same bits whatever other spans share the call, in whatever order;
 *       spans of mixed lengths need no padding that anyone above the seam could see. Cut into other spans, a sequence has the same
 *       logits but for rounding ({@link dev.zhulong.infer.TorchEngine}: libtorch adds in another order for other numbers of rows).</li>
 *   <li>Positions of a span go on from what its cache holds: the first id of a span on a cache of length n is at position n. Sliding
 *       windows hold in every phase: a cached step equals a full recomputation.</li>
 *   <li>A call that is refused leaves the caches it was given as they were. One that fails later leaves them unusable except for {@code truncate}
 *       and {@code close}; after {@code truncate(n)} with n at most the length before the call, a cache is as if the failed call had never been
 *       made.</li>
 *   <li>Two spans of one call never share a cache. A model and its caches are used by one thread at a time.</li>
 * </ul>
 */
package dev.zhulong.infer;

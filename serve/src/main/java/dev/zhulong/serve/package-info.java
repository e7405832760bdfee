/**
 * A model behind HTTP, in OpenAI's shape: requests are read and checked, become jobs of a {@link dev.zhulong.infer.Scheduler}, and what it writes is
 * told whole or as it comes.
 *
 * <p>A request lives on one thread, its connection's: {@link dev.zhulong.serve.Answers} hears there what the scheduler's thread tells of its choices.
 * What outlives a request belongs to {@link dev.zhulong.serve.ApiServer}.
 */
package dev.zhulong.serve;

/**
 * From speech to text by a model that hears (Whisper, Radford et al. 2022): windows of a recording, the rules of what may be written of them, and what is thought of the result.
 */
package dev.zhulong.infer.speech;

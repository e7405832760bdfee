/**
 * Pictures and sound: from the bytes that people send to the numbers that a model takes, without native code.
 *
 * <p>Everything read here may come from a stranger. What is wrong with it raises {@link dev.zhulong.media.MediaException}, whose one line names the picture or
 * the recording and says what is wrong; how large it is, is known from its header before anything is decoded ({@link dev.zhulong.media.MediaLimits}). Nothing is
 * written to the disk and nothing is fetched.
 *
 * <p>Pixels are those of Pillow, sample by sample, as published processors were made with it: decoding, orientation, conversion to RGB and resizing
 * ({@link dev.zhulong.media.Resampling}). Lossy WebP is the exception: its colours are brought to full size in another way than libwebp's.
 */
package dev.zhulong.media;

/**
 * What published processors of pictures do ({@code preprocessor_config.json}): the values that a tower takes, to the bit of transformers' processors for Pillow, and
 * how many there will be, from a picture's size alone.
 */
package dev.zhulong.media.processor;

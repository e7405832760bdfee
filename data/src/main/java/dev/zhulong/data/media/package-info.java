/** Pictures and recordings that a model is to learn from: what is measured of each, by which rules they stay, and which are alike. */
package dev.zhulong.data.media;

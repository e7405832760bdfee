/** Directories of sentence encoders: what lies around the network that they hold. */
package dev.zhulong.formats.embedding;

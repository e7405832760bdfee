/**
 * Conversations, and the chat templates that make them token ids: one object for training, evaluation, chat and serving, so that a model is
 * asked in the very form it was taught.
 */
package dev.zhulong.text.chat;

package dev.zhulong.serve;

/** Answers to one request, as they are told. */
interface AnswerStream extends AutoCloseable {
    /** What follows; null at the end of all. May be empty. */
    Delta next();

    /** What was taken so far; exact when all has ended. */
    Usage usage();

    @Override
    void close();
}

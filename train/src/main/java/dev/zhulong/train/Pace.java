package dev.zhulong.train;

/** Speed of a run, without the time that evaluations, samples and checkpoints take. */
final class Pace {
    private long last = System.nanoTime();
    private double secondsPerStep;
    private double tokensPerStep;
    private long steps;


    void step(long tokens) {
        long now = System.nanoTime();
        double seconds = (now - last) / 1e9;
        last = now;
        steps++;
        // the first step warms caches and compilers
        double weight = steps <= 2 ? 1 : 0.1;
        secondsPerStep += weight * (seconds - secondsPerStep);
        tokensPerStep += weight * (tokens - tokensPerStep);
    }

    void pause() {
        last = System.nanoTime();
    }

    double tokensPerSecond() {
        return secondsPerStep == 0 ? 0 : tokensPerStep / secondsPerStep;
    }

    double secondsLeft(long remaining) {
        return remaining * secondsPerStep;
    }
}

package dev.zhulong.serve;

/** Someone with a key, and what is left of what they may take: two buckets that a minute fills. */
final class KeyHolder {
    private static final double MINUTE = 60e9;

    /** A bucket of tokens or requests; empty, it says when it will not be. */
    private static final class Bucket {
        private final double most;
        private double left;
        private long filled = System.nanoTime();

        Bucket(double most) {
            this.most = most;
            left = most;
        }

        private void fill() {
            long now = System.nanoTime();
            left = Math.min(most, left + (now - filled) / MINUTE * most);
            filled = now;
        }

        /** Seconds until it holds {@code wanted}; 0 where it does. */
        int secondsTo(double wanted) {
            fill();
            return left >= wanted ? 0 : (int) Math.ceil((wanted - left) / most * 60);
        }

        void take(double count) {
            fill();
            left -= count;
        }
    }

    private final String name;
    private final Bucket requests;
    private final Bucket tokens;

    /** @param requestsPerMinute and tokens, null for no limit */
    KeyHolder(String name, Long requestsPerMinute, Long tokensPerMinute) {
        this.name = name;
        requests = requestsPerMinute == null ? null : new Bucket(requestsPerMinute);
        tokens = tokensPerMinute == null ? null : new Bucket(tokensPerMinute);
    }

    String name() {
        return name;
    }

    /**
     * Counts a request.
     *
     * @throws ApiException where there were too many, or too many tokens
     */
    synchronized void begin() {
        int wait = Math.max(requests == null ? 0 : requests.secondsTo(1), tokens == null ? 0 : tokens.secondsTo(1));
        if (wait > 0) {
            throw ApiException.later(429, "rate_limit_error", "rate_limit_exceeded", wait, "the key's limit per minute is reached: try again in " + wait + " s");
        }
        if (requests != null) {
            requests.take(1);
        }
    }

    /** Counts what a request took; the next may have to wait for it. */
    synchronized void took(Usage usage) {
        if (tokens != null) {
            tokens.take(usage.promptTokens() + usage.writtenTokens());
        }
    }
}

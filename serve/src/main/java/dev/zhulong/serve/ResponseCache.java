package dev.zhulong.serve;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.lettuce.core.ClientOptions;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import io.lettuce.core.SetArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import java.lang.System.Logger.Level;
import java.time.Duration;

/** Answers to requests that would be answered the same again, by a hash of all that decides them. What it cannot keep or find is computed. */
public interface ResponseCache extends AutoCloseable {
    /** How long an answer is kept. */
    Duration KEPT = Duration.ofHours(1);

    /** Bytes of an entry besides its characters. */
    int ENTRY = 200;

    /** Null where it is not there. */
    String get(String key);

    void put(String key, String answer);

    @Override
    void close();

    /** In this process, of at most so many bytes, as estimated. */
    static ResponseCache local(long bytes) {
        Cache<String, String> cache = Caffeine.newBuilder().maximumWeight(bytes).weigher((String key, String answer) -> ENTRY + Character.BYTES * (key.length() + answer.length()))
                .expireAfterWrite(KEPT).build();
        return new ResponseCache() {
            @Override
            public String get(String key) {
                return cache.getIfPresent(key);
            }

            @Override
            public void put(String key, String answer) {
                cache.put(key, answer);
            }

            @Override
            public void close() {
                cache.invalidateAll();
            }
        };
    }

    /**
     * In Redis, which several servers can share.
     *
     * @param uri such as {@code redis://localhost:6379}
     * @throws IllegalArgumentException where there is none
     */
    static ResponseCache redis(String uri) {
        RedisClient client;
        StatefulRedisConnection<String, String> connection;
        try {
            RedisURI address = RedisURI.create(uri);
            address.setTimeout(Duration.ofMillis(500));
            client = RedisClient.create(address);
            // while it is away nobody waits for it
            client.setOptions(ClientOptions.builder().disconnectedBehavior(ClientOptions.DisconnectedBehavior.REJECT_COMMANDS).build());
            connection = client.connect();
        } catch (RedisException | IllegalArgumentException e) {
            throw new IllegalArgumentException("there is no Redis at " + uri.replaceAll("//[^@/]*@", "//") + ": " + e.getMessage(), e);
        }
        return new ResponseCache() {
            private static final System.Logger LOG = System.getLogger(ResponseCache.class.getName());
            private static final String PREFIX = "zhulong:";

            @Override
            public String get(String key) {
                try {
                    return connection.sync().get(PREFIX + key);
                } catch (RedisException e) {
                    LOG.log(Level.WARNING, "Redis does not answer: {0}", e.getMessage());
                    return null;
                }
            }

            @Override
            public void put(String key, String answer) {
                try {
                    connection.sync().set(PREFIX + key, answer, SetArgs.Builder.ex(KEPT));
                } catch (RedisException e) {
                    LOG.log(Level.WARNING, "Redis does not answer: {0}", e.getMessage());
                }
            }

            @Override
            public void close() {
                connection.close();
                client.shutdown(Duration.ZERO, Duration.ofSeconds(2));
            }
        };
    }
}

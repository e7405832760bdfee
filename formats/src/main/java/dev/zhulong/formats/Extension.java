package dev.zhulong.formats;

import static java.util.stream.Collectors.joining;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.FileSystemNotFoundException;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.Collection;
import java.util.Iterator;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Something that a jar on the class path adds to a list of our own, found by {@link ServiceLoader}: a jar names the class that provides it in
 * {@code META-INF/services/}. Nothing is passed over: a provider that cannot be used ends the look-up with an error that names its class and
 * its jar.
 *
 * <pre>{@code
 * SortedMap<String, Extension<CleaningStepProvider>> added = Extension.all(CleaningStepProvider.class, Steps.class.getClassLoader(),
 *         "cleaning step", CleaningStepProvider::name, List.of("unicode", "quality"));
 * }</pre>
 *
 * @param name     what recipes and tasks call it
 * @param provider made by its constructor without parameters
 * @param place    the jar, or the directory of classes, that it was loaded from
 */
public record Extension<S>(String name, S provider, Path place) {
    private static final String NAME = "[a-z0-9]+([-_][a-z0-9]+)*";

    /**
     * All that {@code loader} finds, by name. The property {@code zhulong.extensions=none} says that there is nothing to find: asking every jar takes
     * some 40 ms of a start.
     *
     * @param what what one of them is, for messages: "cleaning step"
     * @param own  names that are taken
     * @throws IllegalStateException where a provider cannot be loaded or made, or its name is taken, given twice or no name
     */
    public static <S> SortedMap<String, Extension<S>> all(Class<S> service, ClassLoader loader, String what, Function<S, String> name,
            Collection<String> own) {
        SortedMap<String, Extension<S>> all = new TreeMap<>();
        if ("none".equals(System.getProperty("zhulong.extensions"))) {
            return all;
        }
        Iterator<ServiceLoader.Provider<S>> providers = ServiceLoader.load(service, loader).stream().iterator();
        for (ServiceLoader.Provider<S> next; (next = next(providers, service, loader, what)) != null; ) {
            if (isOurs(next.type(), service)) {
                continue;
            }
            Extension<S> extension = of(next, what, name);
            String is = what + " '" + extension.name + "' of " + extension.origin();
            if (own.contains(extension.name)) {
                throw new IllegalStateException(is + " has the name of one that Zhulong has already; rename it, or take it off the class path");
            }
            Extension<S> other = all.put(extension.name, extension);
            if (other != null) {
                throw new IllegalStateException(is + " and that of " + other.origin() + " have the same name; take one of them off the class path");
            }
        }
        return all;
    }

    /** Null at the end. */
    private static <S> ServiceLoader.Provider<S> next(Iterator<ServiceLoader.Provider<S>> providers, Class<S> service, ClassLoader loader,
            String what) {
        try {
            return providers.hasNext() ? providers.next() : null;
        } catch (ServiceConfigurationError | LinkageError e) {
            // no class was loaded that could say its jar
            throw new IllegalStateException("a " + what + " on the class path cannot be loaded: " + reason(e) + "; mend its jar, or take it off"
                    + " the class path (" + loader.resources("META-INF/services/" + service.getName()).map(URL::toString).collect(joining(", "))
                    + ")", e);
        }
    }

    private static <S> Extension<S> of(ServiceLoader.Provider<S> found, String what, Function<S, String> name) {
        Path place = place(found.type(), what);
        String origin = origin(found.type(), place);
        String called;
        S provider;
        try {
            provider = found.get();
            called = name.apply(provider);
        } catch (ServiceConfigurationError | LinkageError | RuntimeException e) {
            throw new IllegalStateException("the " + what + " of " + origin + " cannot be made: " + reason(e) + "; mend it, or take it off the"
                    + " class path", e);
        }
        if (called == null || !called.matches(NAME)) {
            throw new IllegalStateException("the " + what + " of " + origin + " is called '" + called + "'; a name has small letters, digits and"
                    + " single hyphens or underscores between them");
        }
        return new Extension<>(called, provider, place);
    }

    /** A build over that of another version may leave a service file behind beside the classes it named. */
    private static boolean isOurs(Class<?> type, Class<?> service) {
        CodeSource source = service.getProtectionDomain().getCodeSource();
        return source != null && source.equals(type.getProtectionDomain().getCodeSource());
    }

    private static Path place(Class<?> type, String what) {
        CodeSource source = type.getProtectionDomain().getCodeSource();
        try {
            if (source != null && source.getLocation() != null) {
                return Path.of(source.getLocation().toURI());
            }
        } catch (URISyntaxException | IllegalArgumentException | FileSystemNotFoundException e) {
            // a jar inside a jar, or no file at all: the sentence below
        }
        throw new IllegalStateException("the " + what + " of " + type.getName() + " was loaded from "
                + (source == null ? "nowhere" : source.getLocation()) + ", whose content cannot be hashed; put its jar on the class path as a file");
    }

    /** Its class and its jar, for messages. */
    public String origin() {
        return origin(provider.getClass(), place);
    }

    private static String origin(Class<?> type, Path place) {
        return type.getName() + " (" + place + ")";
    }

    private static String reason(Throwable e) {
        Throwable cause = e instanceof ServiceConfigurationError && e.getCause() != null ? e.getCause() : e;
        return cause instanceof ServiceConfigurationError ? cause.getMessage() : cause.toString();
    }
}

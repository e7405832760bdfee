package dev.zhulong.formats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedMap;
import java.util.function.Supplier;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Jars are compiled here, each with one class that provides a name. */
class WhatJarsAddIsFoundOrRefusedByNameTest {
    private static final String SERVICE = "META-INF/services/java.util.function.Supplier";

    @TempDir
    Path place;

    private Path jar(String name, String type, String body) throws IOException {
        Path source = Files.createDirectories(place.resolve(name)).resolve(type + ".java");
        Files.writeString(source, "public class " + type + " implements java.util.function.Supplier<String> { " + body + " }");
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, "-proc:none", source.toString())).isZero();
        return jar(name, type, Files.readAllBytes(source.resolveSibling(type + ".class")));
    }

    private Path jar(String name, String type, byte[] content) throws IOException {
        Path jar = place.resolve(name + ".jar");
        try (var out = new JarOutputStream(Files.newOutputStream(jar))) {
            out.putNextEntry(new JarEntry(SERVICE));
            out.write(type.getBytes(StandardCharsets.UTF_8));
            if (content != null) {
                out.putNextEntry(new JarEntry(type + ".class"));
                out.write(content);
            }
        }
        return jar;
    }

    private static String named(String name) {
        return "public String get() { return \"" + name + "\"; }";
    }

    @SuppressWarnings({"rawtypes", "unchecked"})
    private static SortedMap<String, Extension<Supplier>> all(Path... jars) throws IOException {
        URL[] urls = new URL[jars.length];
        for (int i = 0; i < jars.length; i++) {
            urls[i] = jars[i].toUri().toURL();
        }
        try (var loader = new URLClassLoader(urls)) {
            return Extension.all(Supplier.class, loader, "word", word -> ((Supplier<String>) word).get(), List.of("own"));
        }
    }

    @Test
    void eachByItsNameWithItsClassAndItsJarWhateverTheOrderOfTheJars() throws IOException {
        Path one = jar("one", "One", named("zebra"));
        Path two = jar("two", "Two", named("ant-2"));
        assertThat(all()).isEmpty();
        assertThat(all(one, two).keySet()).containsExactly("ant-2", "zebra");
        assertThat(all(two, one).keySet()).containsExactly("ant-2", "zebra");
        Extension<?> found = all(one, two, one).get("zebra");
        assertThat(found.place()).isEqualTo(one);
        assertThat(found.origin()).isEqualTo("One (" + one + ")");
    }

    @Test
    void noJarIsAskedWhereTheLauncherSaysThatNoneWasAdded() throws IOException {
        Path own = jar("mine", "Mine", named("own"));
        System.setProperty("zhulong.extensions", "none");
        try {
            assertThat(all(own)).isEmpty();
        } finally {
            System.clearProperty("zhulong.extensions");
        }
    }

    @Test
    void aNameThatIsTakenIsRefused() throws IOException {
        Path own = jar("mine", "Mine", named("own"));
        assertThatThrownBy(() -> all(own)).isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("word 'own'", "Mine (" + own + ")", "has the name of one that Zhulong has already");
    }

    @Test
    void twoOfOneNameAreRefusedWithBothOrigins() throws IOException {
        Path one = jar("one", "One", named("same"));
        Path two = jar("two", "Two", named("same"));
        assertThatThrownBy(() -> all(one, two)).isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("word 'same'", "One (" + one + ")", "Two (" + two + ")");
    }

    @Test
    void whatCannotBeMadeOrHasNoNameIsSaidInOneLineWithClassAndJar() throws IOException {
        Path throwing = jar("throwing", "Throwing", "public Throwing() { throw new UnsupportedOperationException(\"no licence\"); } " + named("x"));
        assertThatThrownBy(() -> all(throwing)).isInstanceOf(IllegalStateException.class).hasMessageContainingAll(
                "Throwing (" + throwing + ")", "cannot be made: java.lang.UnsupportedOperationException: no licence").hasMessageNotContaining("\n");
        Path late = jar("late", "Late", "static { if (true) { throw new IllegalStateException(\"too late\"); } } " + named("x"));
        assertThatThrownBy(() -> all(late)).isInstanceOf(IllegalStateException.class).hasMessageContainingAll("Late (" + late + ")");
        Path hidden = jar("hidden", "Hidden", "private Hidden() {} " + named("x"));
        assertThatThrownBy(() -> all(hidden)).isInstanceOf(IllegalStateException.class).hasMessageContaining("Hidden");
        Path nameless = jar("nameless", "Nameless", "public String get() { return null; }");
        assertThatThrownBy(() -> all(nameless)).hasMessageContainingAll("Nameless (" + nameless + ")", "'null'");
        Path comma = jar("comma", "Comma", named("a,b"));
        assertThatThrownBy(() -> all(comma)).hasMessageContainingAll("Comma (" + comma + ")", "'a,b'");
    }

    @Test
    void aJarWithoutItsClassOrWithABrokenOneIsNoJarWithNothing() throws IOException {
        Path empty = jar("empty", "Absent", (byte[]) null);
        assertThatThrownBy(() -> all(empty)).isInstanceOf(IllegalStateException.class).hasMessageContainingAll("a word on the class path",
                "Absent", empty.toString());
        Path broken = jar("broken", "Broken", new byte[] {1, 2, 3, 4});
        assertThatThrownBy(() -> all(broken)).isInstanceOf(IllegalStateException.class).hasMessageContainingAll("a word on the class path",
                "Truncated class file", broken.toString());
        Path listed = jar("listed", "not a class", (byte[]) null);
        assertThatThrownBy(() -> all(listed)).isInstanceOf(IllegalStateException.class).hasMessageContaining(SERVICE);
        Path stranger = jar("stranger", Extension.class.getName(), (byte[]) null);
        assertThatThrownBy(() -> all(stranger)).isInstanceOf(IllegalStateException.class).hasMessageContainingAll(Extension.class.getName(), "not a subtype");
    }

    public static final class OtherLlama implements Family {
        @Override
        public String modelType() {
            return "llama";
        }

        @Override
        public List<String> architectures() {
            return List.of("OtherLlamaForCausalLM");
        }

        @Override
        public NetworkSpec read(JsonFields config) {
            throw new UnsupportedOperationException();
        }

        @Override
        public void write(NetworkSpec spec, ObjectNode config) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<Parameter> parameters(NetworkSpec spec) {
            throw new UnsupportedOperationException();
        }
    }

    @Test
    void familiesAreHeldToTheSame() throws IOException {
        Path services = Files.createDirectories(place.resolve("families/META-INF/services")).resolve(Family.class.getName());
        Files.writeString(services, OtherLlama.class.getName());
        try (var loader = new URLClassLoader(new URL[] {place.resolve("families").toUri().toURL()})) {
            assertThat(Families.added(loader, List.of())).singleElement().isInstanceOf(OtherLlama.class);
            assertThatThrownBy(() -> Families.added(loader, List.of("llama"))).isInstanceOf(IllegalStateException.class)
                    .hasMessageContainingAll("family 'llama'", OtherLlama.class.getName());
        }
    }
}

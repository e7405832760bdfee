package dev.zhulong.cli;

import java.lang.reflect.Proxy;

/**
 * Ctrl-C, taken over while this is open. The JDK offers it only as {@code sun.misc.Signal} (module jdk.unsupported), reached by reflection
 * so
 * that a runtime without that module merely keeps the usual Ctrl-C.
 */
final class Interrupt implements AutoCloseable {
    private final Object former;

    private Interrupt(Object former) {
        this.former = former;
    }

    /** Calls {@code action}, on another thread, instead of ending the process. */
    static Interrupt handle(Runnable action) {
        try {
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object proxy = Proxy.newProxyInstance(handler.getClassLoader(), new Class<?>[] {handler}, (self, method, arguments) -> switch (method.getName()) {
                case "handle" -> {
                    action.run();
                    yield null;
                }
                case "hashCode" -> System.identityHashCode(self);
                case "equals" -> self == arguments[0];
                default -> "Interrupt";
            });
            return new Interrupt(install(handler, proxy));
        } catch (ReflectiveOperationException | IllegalArgumentException e) {
            return new Interrupt(null);
        }
    }

    private static Object install(Class<?> handler, Object proxy) throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        return signal.getMethod("handle", signal, handler).invoke(null, signal.getConstructor(String.class).newInstance("INT"), proxy);
    }

    @Override
    public void close() {
        if (former != null) {
            try {
                install(Class.forName("sun.misc.SignalHandler"), former);
            } catch (ReflectiveOperationException e) {
                throw new IllegalStateException("cannot restore the handling of Ctrl-C", e);
            }
        }
    }
}

defmodule Fixture.MixProject do
  use Mix.Project

  def project do
    [app: :fixture, version: "0.1.0", elixir: ">= 1.14.0", deps: deps()]
  end

  def application, do: [extra_applications: [:crypto]]

  # Nothing by default, so that it compiles without a network; the real libcluster where it is asked for.
  defp deps do
    cond do
      path = System.get_env("LIBCLUSTER_PATH") -> [{:libcluster, path: path}]
      System.get_env("FIXTURE_HEX") == "1" -> [{:libcluster, "~> 3.5"}]
      true -> []
    end
  end
end
